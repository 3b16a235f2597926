package channels

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"
)

// tokens gets access tokens for a service account and keeps the last one while it is valid. One caller requests at a
// time; the others wait for its result, or for their own deadline.
type tokens struct {
	config *jwt.Config
	client *http.Client
	turn   chan struct{}
	last   *oauth2.Token // accessed only by the caller that holds turn
}

func newTokens(config *jwt.Config, client *http.Client) *tokens {
	return &tokens{config: config, client: client, turn: make(chan struct{}, 1)}
}

// get returns a token other than stale. Its errors are for people.
func (t *tokens) get(ctx context.Context, stale string) (string, error) {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return "", errors.New(trouble(ctx.Err()))
	}
	if t.last.Valid() && t.last.AccessToken != stale {
		return t.last.AccessToken, nil
	}
	// The library makes its request without a context and turns errors into text. A transport of our own adds the
	// context and keeps the error.
	wire := &exchange{ctx: ctx, base: t.client.Transport}
	client := &http.Client{Transport: wire, CheckRedirect: t.client.CheckRedirect}
	token, err := t.config.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, client)).Token()
	if err != nil {
		return "", tokenTrouble(err, wire.err)
	}
	t.last = token
	return token.AccessToken, nil
}

// exchange makes one token request.
type exchange struct {
	ctx  context.Context
	base http.RoundTripper
	err  error
}

// RoundTrip implements http.RoundTripper.
func (e *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := e.base.RoundTrip(req.WithContext(e.ctx))
	e.err = err
	return resp, err
}

// tokenTrouble returns a failed token exchange in words, without assertion and response, which are secrets.
func tokenTrouble(err, wire error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		var said struct {
			Error string `json:"error"`
		}
		_ = json.Unmarshal(refused.Body, &said)
		return errors.New(
			clean(
				fmt.Sprintf(
					"the token server answered %d %s; is TABI_FCM_CREDENTIALS still valid?",
					refused.Response.StatusCode,
					said.Error,
				),
				"",
			),
		)
	}
	if wire != nil {
		return errors.New(trouble(wire))
	}
	return errors.New("the token server's answer cannot be read")
}

// usableKey checks that a service account's private key is an RSA key.
func usableKey(key []byte) error {
	if block, _ := pem.Decode(key); block != nil {
		key = block.Bytes
	}
	if _, err := x509.ParsePKCS1PrivateKey(key); err == nil {
		return nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(key)
	if _, ok := parsed.(*rsa.PrivateKey); err != nil || !ok {
		return errors.New("is not an RSA key in PEM form")
	}
	return nil
}
