package channels_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/devsinks"
)

// TestMailsAreSigned: what arrives at the mail server carries a signature that holds, whatever is in the mail.
func TestMailsAreSigned(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	look := func(name string) ([]string, error) {
		if name != "s1._domainkey.example.com" {
			t.Errorf("DNS is asked for %s", name)
		}
		return []string{"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public)}, nil
	}
	s := start(t, devsinks.Options{})
	cfg := channels.Config{EmailURL: s.SMTPURL(), MailFrom: "お店 <shop@example.com>", DKIMKey: key, DKIMSelector: "s1"}
	c := open(t, "email", cfg)
	for _, text := range []string{"Hello", "...\n.\n..a\n", strings.Repeat("旅", 3000), "blanks  \n \n\n\n",
		"a\rb\nc\r\n", "tab\t\x00\x7f"} {
		m := mailTo("ana@example.com")
		m.Fields["text"], m.Unsubscribe = text, "https://tabi.example.com/u/x"
		if r := c.Send(t.Context(), m); r.Outcome != channel.Sent {
			t.Fatalf("%q: %+v", text, r)
		}
		mails := s.Mails()
		raw := mails[len(mails)-1].Raw
		list, err := dkim.VerifyWithOptions(bytes.NewReader(raw), &dkim.VerifyOptions{LookupTXT: look})
		if err != nil || len(list) != 1 || list[0].Err != nil {
			t.Errorf("%q: %+v %v\n%s", text, list, err, raw)
			continue
		}
		if covered := strings.ToLower(strings.Join(list[0].HeaderKeys, " ")); !strings.Contains(covered, "list-unsubscribe-post") {
			t.Errorf("covered: %s", covered)
		}
	}
	for want, change := range map[string]func(c *channels.Config){
		"TABI_DKIM_KEY: it has no private key": func(c *channels.Config) { c.DKIMKey = "hush" },
		"TABI_DKIM_SELECTOR: must be set":      func(c *channels.Config) { c.DKIMSelector = "" },
		"TABI_DKIM_KEY: is missing":            func(c *channels.Config) { c.DKIMKey = "" },
	} {
		bad := cfg
		change(&bad)
		_, err := channels.Shipped().Open(bad)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", want, err)
		}
	}
}
