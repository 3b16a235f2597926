package channels

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// signer signs by the Standard Webhooks spec, once with each of its secrets.
type signer []*standardwebhooks.Webhook

// newSigner reads secrets separated by spaces or commas.
func newSigner(secrets string) (signer, error) {
	var s signer
	for _, secret := range strings.FieldsFunc(secrets, func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\t' }) {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil {
			return nil, errors.New("a secret is whsec_ followed by base64; make one with: echo whsec_$(openssl rand -base64 32)")
		}
		if len(raw) < 24 || len(raw) > 64 {
			return nil, errors.New("a secret has 24 to 64 bytes; make one with: echo whsec_$(openssl rand -base64 32)")
		}
		w, err := standardwebhooks.NewWebhookRaw(raw)
		if err != nil {
			return nil, errors.New("a secret cannot be used")
		}
		s = append(s, w)
	}
	return s, nil
}

// headers returns the three headers of the spec.
func (s signer) headers(id string, at time.Time, body []byte) (http.Header, error) {
	signatures := make([]string, len(s))
	for i, w := range s {
		signature, err := w.Sign(id, at, body)
		if err != nil {
			return nil, err
		}
		signatures[i] = signature
	}
	h := http.Header{}
	h.Set(standardwebhooks.HeaderWebhookID, id)
	h.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return h, nil
}
