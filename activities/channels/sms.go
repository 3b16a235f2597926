package channels

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/clock"
)

var smsSpec = channel.Spec{
	Name: "sms", Doc: "A text message, through a signed HTTP call to a provider.", Address: "phone",
	Fields: []channel.Field{
		{Name: "text", Doc: "The text.", Required: true},
	},
}

// sms posts {"to","text","key"} to one provider, or to a small bridge in front of one. The request is signed by the
// Standard Webhooks spec and carries the key as webhook-id and Idempotency-Key; the provider sends each key once. A
// 2xx response may hold the provider's own {"id"}; 410, or a word for it in the JSON of another 4xx, means that the number is
// dead.
type sms struct {
	spec    channel.Spec
	client  *http.Client
	url     string
	sign    signer
	timeout time.Duration
}

func openSMS(cfg Config) (channel.Channel, error) {
	if cfg.SMSURL == "" {
		if cfg.SMSSecret != "" {
			return nil, variable("TABI_SMS_URL", "TABI_SMS_SECRET is set, but not where to send")
		}
		return nil, &channel.NotConfiguredError{Setting: "TABI_SMS_URL"}
	}
	u, err := url.Parse(cfg.SMSURL)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, variable("TABI_SMS_URL", "must be an http or https address")
	}
	s, err := newSigner(cfg.SMSSecret)
	if err != nil {
		return nil, variable("TABI_SMS_SECRET", "%w", err)
	}
	if len(s) == 0 {
		return nil, variable("TABI_SMS_SECRET", "must be set with TABI_SMS_URL: it signs the calls")
	}
	return &sms{spec: smsSpec, client: newHTTPClient(cfg, false), url: u.String(), sign: s, timeout: cfg.Timeout}, nil
}

func (s *sms) Spec() channel.Spec { return s.spec }
func (s *sms) Dedupes() bool      { return true }

// Close closes idle connections.
func (s *sms) Close() error {
	s.client.CloseIdleConnections()
	return nil
}

// Send posts once.
func (s *sms) Send(ctx context.Context, m channel.Message) channel.Receipt {
	if r, bad := channel.Check(ctx, s.spec, m); bad {
		return r
	}
	to, err := address.Judge(address.Phone, m.Address)
	if err != nil {
		return channel.Receipt{Outcome: channel.Refused, Reason: "the customer's phone " + err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	body, err := json.Marshal(map[string]string{"to": to.Text, "text": m.Fields["text"], "key": m.Key})
	if err != nil {
		return channel.Receipt{Outcome: channel.Refused, Reason: "the text cannot be written as JSON"}
	}
	id := headerKey(m.Key)
	header, err := s.sign.headers(id, clock.Wall(), body)
	if err != nil {
		return channel.Receipt{Outcome: channel.NotSent, Reason: "the call could not be signed"}
	}
	header.Set("Content-Type", "application/json")
	header.Set("Idempotency-Key", id)
	a, f := post(ctx, s.client, s.url, header, body)
	if f != nil {
		return f.receipt()
	}
	r := a.receipt(m.Address)
	switch {
	case r.Outcome == channel.Sent:
		var taken struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(a.body, &taken) == nil {
			r.ProviderID = oneLine(taken.ID)
		}
	case r.Outcome == channel.Refused && address.SMS(a.status, said(a.body)...) == address.Hard:
		r.Gone = true
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		// The secret is wrong, not the message: it may go out once the secret is corrected.
		r.Outcome = channel.NotSent
		r.Reason += "; is TABI_SMS_SECRET right?"
	}
	return r
}

// said returns the words by which a provider's JSON says what is wrong.
func said(body []byte) []string {
	var m map[string]any
	if json.Unmarshal(body, &m) != nil {
		return nil
	}
	var out []string
	for _, name := range []string{"code", "error_code", "errorCode", "error", "status", "reason", "title", "message", "detail"} {
		switch v := m[name].(type) {
		case string:
			out = append(out, v)
		case float64:
			out = append(out, strconv.FormatFloat(v, 'f', -1, 64))
		case map[string]any:
			for _, inner := range []string{"code", "type", "message"} {
				if s, ok := v[inner].(string); ok {
					out = append(out, s)
				}
			}
		}
	}
	return out
}
