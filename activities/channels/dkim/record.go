package dkim

import (
	"context"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
)

// A Record is what DNS has to say of a key, and what it says.
type Record struct {
	Name string // of the TXT record: s1._domainkey.example.com
	Want string // its value: v=DKIM1; k=rsa; p=…
	// Wrong says what receivers will not accept; empty: nothing. Weak says what they accept, and is worth a change.
	Wrong, Weak string
}

// Records looks up the records of all keys. Its error is of the network: nothing is known.
func (s *Signer) Records(ctx context.Context, lookup func(ctx context.Context, name string) ([]string, error)) ([]Record, error) {
	var out []Record
	for _, k := range s.keys {
		r := Record{Name: k.selector + "._domainkey." + s.domain}
		kind, public := publicOf(k)
		r.Want = "v=DKIM1; k=" + kind + "; p=" + public
		texts, err := lookup(ctx, r.Name)
		var away *net.DNSError
		switch {
		case errors.As(err, &away) && away.IsNotFound, err == nil && len(texts) == 0:
			r.Wrong = "there is no such record"
		case err != nil:
			return nil, fmt.Errorf("DNS does not answer about %s: %w", r.Name, err)
		default:
			r.Wrong, r.Weak = judge(texts, kind, public)
		}
		if private, ok := k.signer.(*rsa.PrivateKey); ok && r.Wrong == "" && private.N.BitLen() < goodBits {
			r.Weak = fmt.Sprintf("the key has %d bits, and %d are usual", private.N.BitLen(), goodBits)
		}
		out = append(out, r)
	}
	return out, nil
}

// judge compares the texts at a name with the key.
func judge(texts []string, kind, public string) (wrong, weak string) {
	var keys []map[string]string
	for _, text := range texts {
		if tags := tagsOf(text); tags["p"] != "" || tags["v"] == "DKIM1" {
			keys = append(keys, tags)
		}
	}
	switch {
	case len(keys) == 0:
		return "the record is not a key of DKIM: it has no p=", ""
	case len(keys) > 1:
		return "there are two keys at one name, and receivers take either", ""
	}
	tags := keys[0]
	named := tags["k"]
	if named == "" {
		named = "rsa"
	}
	switch {
	case tags["v"] != "" && tags["v"] != "DKIM1":
		return fmt.Sprintf("v= is %.20q, not DKIM1", tags["v"]), ""
	case tags["p"] == "":
		return "p= is empty, which says that the key was revoked", ""
	case named != kind:
		return fmt.Sprintf("k= is %.20q, and the key of TABI_DKIM_KEY is %s", named, kind), ""
	case tags["p"] != public && !(kind == "rsa" && sameRSA(tags["p"], public)):
		return "p= is another key than that of TABI_DKIM_KEY", ""
	case tags["h"] != "" && !strings.Contains(tags["h"], "sha256"):
		return "h= does not allow sha256", ""
	case tags["s"] != "" && !strings.Contains(tags["s"], "*") && !strings.Contains(tags["s"], "email"):
		return "s= does not allow the key for email", ""
	case strings.Contains(":"+tags["t"]+":", ":y:"):
		return "", "t=y says that the domain only tries DKIM out: receivers may ignore it"
	}
	return "", ""
}

// tagsOf reads the tags of a record. Blanks mean nothing.
func tagsOf(text string) map[string]string {
	tags := map[string]string{}
	for tag := range strings.SplitSeq(text, ";") {
		if name, value, ok := strings.Cut(tag, "="); ok {
			tags[strings.TrimSpace(name)] = strings.Join(strings.Fields(value), "")
		}
	}
	return tags
}

// publicOf returns the kind of a key and its public part, as a record has them.
func publicOf(k key) (kind, public string) {
	switch p := k.signer.Public().(type) {
	case ed25519.PublicKey:
		return "ed25519", base64.StdEncoding.EncodeToString(p)
	case *rsa.PublicKey:
		der, err := x509.MarshalPKIXPublicKey(p)
		if err != nil {
			return "rsa", ""
		}
		return "rsa", base64.StdEncoding.EncodeToString(der)
	}
	return "", ""
}

// sameRSA reports whether a record has the key in the older form (PKCS #1).
func sameRSA(record, public string) bool {
	old, err := base64.StdEncoding.DecodeString(record)
	if err != nil {
		return false
	}
	parsed, err := x509.ParsePKCS1PublicKey(old)
	if err != nil {
		return false
	}
	der, err := x509.MarshalPKIXPublicKey(parsed)
	return err == nil && base64.StdEncoding.EncodeToString(der) == public
}
