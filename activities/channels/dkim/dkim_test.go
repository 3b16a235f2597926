package dkim_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"

	verifier "github.com/emersion/go-msgauth/dkim"

	"github.com/tabi-journeys/tabi/activities/channels/dkim"
)

// rsaKey and edKey make one key of each kind for all tests.
var (
	rsaKey = sync.OnceValue(func() *rsa.PrivateKey { k, _ := rsa.GenerateKey(rand.Reader, 2048); return k })
	edKey  = sync.OnceValue(func() ed25519.PrivateKey { _, k, _ := ed25519.GenerateKey(rand.Reader); return k })
)

func pemOf(t testing.TB, keys ...crypto.PrivateKey) string {
	t.Helper()
	var out strings.Builder
	for _, k := range keys {
		der, err := x509.MarshalPKCS8PrivateKey(k)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}
	return out.String()
}

const mail = "Date: Mon, 2 Mar 2026 10:00:00 +0000\r\nMessage-ID: <1@example.com>\r\nFrom: Shop <shop@example.com>\r\n" +
	"To: ana@example.com\r\n" +
	"Subject: =?UTF-8?B?44GK5a6i5qeY?=\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\nList-Unsubscribe: " +
	"<https://tabi.example.com/u/x>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\nHello\r\n.\r\nworld \r\n\r\n\r\n"

// TestSignatures: a receiver accepts both signatures, and neither if something that people see was changed or added on the way.
func TestSignatures(t *testing.T) {
	t.Parallel()
	s, err := dkim.New(pemOf(t, rsaKey(), edKey()), "r1, e1", "Example.com")
	if err != nil {
		t.Fatal(err)
	}
	records, err := s.Records(t.Context(), func(context.Context, string) ([]string, error) { return nil, &net.DNSError{IsNotFound: true} })
	if err != nil || len(records) != 2 || records[0].Wrong == "" {
		t.Fatalf("%+v %v", records, err)
	}
	dns := map[string][]string{}
	for _, r := range records {
		dns[r.Name] = []string{r.Want}
	}
	look := func(name string) ([]string, error) { return dns[name], nil }
	out, err := s.Sign([]byte(mail))
	if err != nil {
		t.Fatal(err)
	}
	good := func(raw []byte) (n int) {
		list, err := verifier.VerifyWithOptions(bytes.NewReader(raw), &verifier.VerifyOptions{LookupTXT: look})
		if err != nil {
			t.Fatal(err)
		}
		if len(list) != 2 {
			t.Fatalf("%d signatures", len(list))
		}
		for _, v := range list {
			if v.Err == nil && v.Domain == "example.com" {
				n++
			}
		}
		return n
	}
	if n := good(out); n != 2 {
		t.Errorf("%d of 2 signatures are good", n)
	}
	if relaxed := bytes.Replace(out, []byte("world \r\n\r\n\r\n"), []byte("world\r\n"), 1); good(relaxed) != 2 {
		t.Error("blanks that a server drops break the signatures")
	}
	for name, change := range map[string][2]string{
		"body": {"Hello", "Hullo"}, "subject": {"44GK5a6i5qeY", "44GK"}, "a second From": {"To: ana", "From: eve@example.org\r\nTo: ana"},
		"a second Subject": {"To: ana", "Subject: Win\r\nTo: ana"}, "Reply-To": {"To: ana", "Reply-To: eve@example.org\r\nTo: ana"},
		"unsubscribe": {"/u/x", "/u/y"}, "one click": {"One-Click", "No-Click"}, "type": {"text/plain", "text/html"},
	} {
		if n := good(bytes.Replace(out, []byte(change[0]), []byte(change[1]), 1)); n != 0 {
			t.Errorf("%s: %d signatures still hold", name, n)
		}
	}
	for _, want := range []string{"a=rsa-sha256", "a=ed25519-sha256", "c=relaxed/relaxed", "s=r1", "s=e1", "d=example.com"} {
		if head, _, _ := bytes.Cut(out, []byte("\r\nDate:")); !bytes.Contains(head, []byte(want)) {
			t.Errorf("no %s in %s", want, head)
		}
	}
}

// TestKeysThatCannotBeUsed: the error says what is wrong and what to do, and has nothing of the key.
func TestKeysThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&rsaKey().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	for name, c := range map[string][4]string{ // keys, selectors, domain, error
		"none":        {"hush", "s1", "example.com", "no private key in PEM form"},
		"damaged":     {block("PRIVATE KEY", []byte("hush")), "s1", "example.com", "damaged"},
		"public":      {block("PUBLIC KEY", public), "s1", "example.com", "not a private key"},
		"passphrase":  {block("ENCRYPTED PRIVATE KEY", []byte("hush")), "s1", "example.com", "passphrase"},
		"curve":       {pemOf(t, curve), "s1", "example.com", "neither an RSA nor an Ed25519"},
		"no selector": {pemOf(t, edKey()), "", "example.com", "more keys than selectors"},
		"selectors":   {pemOf(t, edKey()), "a,b", "example.com", "more selectors"},
		"odd":         {pemOf(t, edKey()), "a;b", "example.com", "selector has letters"},
		"domain":      {pemOf(t, edKey()), "s1", "exa mple", "no host name"},
	} {
		_, err := dkim.New(c[0], c[1], c[2])
		if err == nil || !strings.Contains(err.Error(), c[3]) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := dkim.New(strings.ReplaceAll(pemOf(t, edKey()), "\n", `\n`), "s1", "例え.jp"); err != nil {
		t.Errorf("on one line: %v", err)
	}
}

// TestRecords: what is wrong in DNS is said.
func TestRecords(t *testing.T) {
	t.Parallel()
	s, err := dkim.New(pemOf(t, rsaKey()), "s1", "example.com")
	if err != nil {
		t.Fatal(err)
	}
	other, err := dkim.New(pemOf(t, edKey()), "s1", "example.com")
	if err != nil {
		t.Fatal(err)
	}
	want := func(s *dkim.Signer) string {
		r, _ := s.Records(t.Context(), func(context.Context, string) ([]string, error) { return nil, nil })
		return r[0].Want
	}
	mine := want(s)
	for name, c := range map[string]struct {
		texts       []string
		wrong, weak string
	}{
		"good":        {texts: []string{mine}},
		"with blanks": {texts: []string{"v=DKIM1;k=rsa;\tp=" + strings.ReplaceAll(mine[len("v=DKIM1; k=rsa; p="):], "A", "A ")}},
		"without k":   {texts: []string{strings.Replace(mine, "k=rsa; ", "", 1)}},
		"beside SPF":  {texts: []string{"v=spf1 -all", mine}},
		"none":        {wrong: "no such record"},
		"another":     {texts: []string{"v=DKIM1; k=rsa; p=MIIB"}, wrong: "another key"},
		"revoked":     {texts: []string{"v=DKIM1; p="}, wrong: "revoked"},
		"other kind":  {texts: []string{want(other)}, wrong: "k= is"},
		"not a key":   {texts: []string{"hello"}, wrong: "not a key of DKIM"},
		"two":         {texts: []string{mine, mine}, wrong: "two keys"},
		"sha1":        {texts: []string{strings.Replace(mine, "k=rsa", "k=rsa; h=sha1", 1)}, wrong: "sha256"},
		"other use":   {texts: []string{strings.Replace(mine, "k=rsa", "k=rsa; s=tlsrpt", 1)}, wrong: "for email"},
		"being tried": {texts: []string{strings.Replace(mine, "k=rsa", "k=rsa; t=y", 1)}, weak: "tries DKIM out"},
	} {
		got, err := s.Records(t.Context(), func(_ context.Context, name string) ([]string, error) {
			if name != "s1._domainkey.example.com" {
				t.Errorf("asked for %s", name)
			}
			return c.texts, nil
		})
		if err != nil || !strings.Contains(got[0].Wrong, c.wrong) || c.wrong == "" && got[0].Wrong != "" ||
			!strings.Contains(got[0].Weak, c.weak) || c.weak == "" && got[0].Weak != "" {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	away := func(context.Context, string) ([]string, error) { return nil, errors.New("no network") }
	if _, err := s.Records(t.Context(), away); err == nil {
		t.Error("an unknown answer is taken for one")
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := dkim.New(pemOf(t, short), "s1", "example.com")
	if err != nil {
		t.Fatal(err)
	}
	got, err := weak.Records(t.Context(), func(context.Context, string) ([]string, error) { return []string{want(weak)}, nil })
	if err != nil || !strings.Contains(got[0].Weak, "1024 bits") {
		t.Errorf("%+v %v", got, err)
	}
}
