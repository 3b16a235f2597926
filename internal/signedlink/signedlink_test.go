package signedlink_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tabi-journeys/tabi/internal/signedlink"
)

var secret = signedlink.MustSecrets("a secret of thirty-two bytes ...")

func TestUnsubscribeRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := signedlink.Links{PublicURL: "https://tabi.example.com/", Secrets: secret, Users: secret}
		m := signedlink.Mail{
			Customer: rapid.String().Draw(t, "customer"), Journey: rapid.String().Draw(t, "journey"), Step: rapid.String().Draw(t, "step"),
			Message: rapid.String().Draw(t, "message"), Key: rapid.String().Draw(t, "key"),
		}
		url := l.Unsubscribe(m)
		token, ok := strings.CutPrefix(url, "https://tabi.example.com/u/")
		if !ok {
			t.Fatalf("url is %s", url)
		}
		if again := l.Unsubscribe(m); again != url {
			t.Fatalf("a repeat gives another link: %s and %s", url, again)
		}
		got, err := l.Mail(token)
		if err != nil || got != m {
			t.Fatalf("got %+v, %v; want %+v", got, err, m)
		}
	})
}

func TestTokenHidesTheCustomer(t *testing.T) {
	t.Parallel()
	l := signedlink.Links{PublicURL: "https://x.example", Secrets: secret, Users: secret}
	_, token, _ := strings.Cut(l.Unsubscribe(signedlink.Mail{Customer: "ana@example.com"}), "/u/")
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), "ana") {
		t.Errorf("the customer can be read from %q", raw)
	}
}

func TestForgedTokens(t *testing.T) {
	t.Parallel()
	l := signedlink.Links{PublicURL: "https://x.example", Secrets: secret, Users: secret}
	_, good, _ := strings.Cut(l.Unsubscribe(signedlink.Mail{Customer: "ana", Key: "e/s/1"}), "/u/")
	for i := range good {
		other := byte('A')
		if good[i] == other {
			other = 'B'
		}
		forged := good[:i] + string(other) + good[i+1:]
		if _, err := l.Mail(forged); !errors.Is(err, signedlink.ErrBadToken) {
			t.Fatalf("byte %d altered: %v", i, err)
		}
	}
	for _, bad := range []string{"", "x", "%%%", good + "A", good[:len(good)-2], strings.Repeat("A", 10000)} {
		if _, err := l.Mail(bad); !errors.Is(err, signedlink.ErrBadToken) {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
	if _, err := (signedlink.Links{Secrets: signedlink.MustSecrets("another secret of someone")}).Mail(good); !errors.Is(
		err,
		signedlink.ErrBadToken,
	) {
		t.Errorf("another secret opens it: %v", err)
	}
	user := l.UserToken("ana", time.Unix(2_000_000_000, 0))
	if _, err := l.Mail(user); !errors.Is(err, signedlink.ErrBadToken) {
		t.Errorf("a user token opens as a mail link: %v", err)
	}
}

func TestUserToken(t *testing.T) {
	t.Parallel()
	l := signedlink.Links{Secrets: secret, Users: secret}
	until := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	token := l.UserToken("ana", until)
	if err := l.CheckUserToken(token, "ana", until.Add(-time.Second)); err != nil {
		t.Errorf("before its end: %v", err)
	}
	if err := l.CheckUserToken(token, "ana", until); !errors.Is(err, signedlink.ErrExpired) {
		t.Errorf("at its end: %v", err)
	}
	if err := l.CheckUserToken(token, "ben", until.Add(-time.Hour)); !errors.Is(err, signedlink.ErrBadToken) {
		t.Errorf("another user: %v", err)
	}
	if err := l.CheckUserToken("", "", until); !errors.Is(err, signedlink.ErrBadToken) {
		t.Errorf("empty: %v", err)
	}
}

// A list of secrets seals by the first and opens by all, so what was sealed before a change opens after it.
func TestSecretsRotate(t *testing.T) {
	t.Parallel()
	const first, second = "the first secret of them", "the second secret of them"
	old, both, only := signedlink.MustSecrets(first), signedlink.MustSecrets(second, first), signedlink.MustSecrets(second)
	was, is := old.Seal("x", []byte("content")), both.Seal("x", []byte("content"))
	if is != only.Seal("x", []byte("content")) {
		t.Error("the first of the list does not seal")
	}
	for name, c := range map[string]struct {
		by    signedlink.Secrets
		token string
		opens bool
	}{
		"old by old": {old, was, true}, "old by both": {both, was, true}, "old by new": {only, was, false},
		"new by old": {old, is, false}, "new by both": {both, is, true}, "new by new": {only, is, true},
		"by none": {signedlink.Secrets{}, is, false},
	} {
		got, err := c.by.Unseal("x", c.token)
		if c.opens != (err == nil && string(got) == "content") || !c.opens && !errors.Is(err, signedlink.ErrBadToken) {
			t.Errorf("%s: %q %v", name, got, err)
		}
		if _, err := c.by.Unseal("another use", c.token); !errors.Is(err, signedlink.ErrBadToken) {
			t.Errorf("%s opens for another use: %v", name, err)
		}
	}
	for name, list := range map[string][][]byte{
		"none": {}, "short": {[]byte(first), []byte("short")}, "empty": {[]byte("")},
		"twice": {[]byte(first), []byte(second), []byte(first)},
	} {
		if _, err := signedlink.NewSecrets(list...); err == nil || strings.Contains(err.Error(), "them") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
