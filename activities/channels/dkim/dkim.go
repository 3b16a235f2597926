// Package dkim signs mails (RFC 6376), for a mail server that does not, and looks at what DNS says of the keys.
package dkim

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/tabi-journeys/tabi/internal/address"
)

// minBits is the shortest RSA key (RFC 8301), in bits. Shorter than goodBits is worth a warning.
const (
	minBits  = 1024
	goodBits = 2048
)

// signed are the headers that a signature covers. One that is named once more than it is in the mail cannot be added on the way: a second
// From or Subject would be shown in place of ours.
var signed = []string{
	"From", "From", "Reply-To", "Reply-To", "Subject", "Subject", "To", "To", "Date", "Date", "Message-ID", "Message-ID",
	"MIME-Version", "MIME-Version", "Content-Type", "Content-Type", "Content-Transfer-Encoding", "Content-Transfer-Encoding",
	"List-Unsubscribe", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Unsubscribe-Post", // RFC 8058 wants them covered
}

// Signer signs mails with one or more keys. It is safe for concurrent use.
type Signer struct {
	domain string
	keys   []key
}

type key struct {
	selector string
	signer   crypto.Signer
}

// New returns a signer with the private keys of a PEM text (PKCS #8 or PKCS #1; RSA or Ed25519), for one domain. selectors has the name of
// each key in DNS, in the order of the keys, separated by commas. Errors are for people and hold no key.
func New(keys, selectors, domain string) (*Signer, error) {
	s := &Signer{}
	host, err := address.ParseMail("postmaster@" + strings.TrimSpace(domain))
	if err != nil {
		return nil, errors.New("the domain of the signature is no host name")
	}
	s.domain = host.Host
	names := strings.FieldsFunc(selectors, func(r rune) bool { return r == ',' || r == ' ' })
	if !strings.Contains(keys, "\n") {
		keys = strings.ReplaceAll(keys, `\n`, "\n") // as files of settings have it, which have no line breaks
	}
	for rest := []byte(keys); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		signer, err := parse(block)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", len(s.keys)+1, err)
		}
		if len(s.keys) == len(names) {
			return nil, fmt.Errorf("there are more keys than selectors (%d): name one for each key, separated by commas", len(names))
		}
		name := strings.ToLower(names[len(s.keys)])
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" || len(name) > 63 {
			return nil, errors.New("a selector has letters, digits, hyphens and dots only")
		}
		s.keys = append(s.keys, key{name, signer})
	}
	switch {
	case len(s.keys) == 0:
		return nil, errors.New("it has no private key in PEM form: make one with " +
			"openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048")
	case len(s.keys) < len(names):
		return nil, fmt.Errorf("there are more selectors (%d) than keys (%d)", len(names), len(s.keys))
	}
	return s, nil
}

func parse(block *pem.Block) (crypto.Signer, error) {
	var parsed any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "PRIVATE KEY":
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		return nil, errors.New("it is protected by a passphrase, which tabi cannot ask for: remove it with openssl pkey")
	default:
		return nil, fmt.Errorf("it is a %.40q, not a private key", block.Type)
	}
	if err != nil {
		return nil, errors.New("it is damaged")
	}
	switch k := parsed.(type) {
	case *rsa.PrivateKey:
		if k.N.BitLen() < minBits {
			return nil, fmt.Errorf("it has %d bits, and receivers take %d or more: make one of %d", k.N.BitLen(), minBits, goodBits)
		}
		return k, nil
	case ed25519.PrivateKey:
		return k, nil
	}
	return nil, errors.New("it is neither an RSA nor an Ed25519 key")
}

// Domain returns the domain that signs.
func (s *Signer) Domain() string { return s.domain }

// Sign returns a mail with the signatures of all keys before it. Lines of the mail end with CRLF.
func (s *Signer) Sign(raw []byte) ([]byte, error) {
	var out bytes.Buffer
	for _, k := range s.keys {
		signer, err := dkim.NewSigner(&dkim.SignOptions{
			Domain: s.domain, Selector: k.selector, Signer: k.signer, HeaderKeys: signed,
			HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
		})
		if err != nil {
			return nil, err
		}
		_, err = signer.Write(raw)
		if err = errors.Join(err, signer.Close()); err != nil {
			return nil, err
		}
		out.WriteString(signer.Signature())
	}
	out.Write(raw)
	return out.Bytes(), nil
}
