package channels

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/tabi-journeys/tabi/activities/channels/smsapi"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/clock"
	text "github.com/tabi-journeys/tabi/internal/sms"
)

var smsSpec = channel.Spec{
	Name: "sms", Doc: "A text message, by Twilio, by Vonage, or through a signed HTTP call to any other provider.", Address: "phone",
	Tracks: true,
	Fields: []channel.Field{
		{Name: "text", Doc: "The text. 160 characters are one segment, 70 with a character that GSM-7 lacks; each costs.", Required: true},
	},
}

// sms sends text messages by the provider that TABI_SMS_URL names.
type sms struct {
	overHTTP
	provider smsProvider
}

// smsProvider is the API of a provider of text messages.
type smsProvider interface {
	// dedupes reports whether the provider drops a second message with the same key.
	dedupes() bool
	// request returns where and how a message is posted. to is a number in E.164 form.
	request(to string, m channel.Message) (url string, header http.Header, body []byte, err error)
	// receipt reads the provider's answer.
	receipt(a *answer, m channel.Message) channel.Receipt
}

func openSMS(cfg Config) (channel.Channel, error) {
	if cfg.SMSURL == "" {
		for _, name := range []string{"TABI_SMS_SECRET", smsapi.TwilioKey, smsapi.VonageSecret, smsapi.VonagePrivate} {
			if cfg.Keys[name] != "" || name == "TABI_SMS_SECRET" && cfg.SMSSecret != "" {
				return nil, variable("TABI_SMS_URL", "%s is set, but not where to send", name)
			}
		}
		return nil, &channel.NotConfiguredError{Setting: "TABI_SMS_URL"}
	}
	const forms = "must be twilio://…, vonage://…, or an http or https address"
	u, err := url.Parse(cfg.SMSURL)
	if err != nil || u.Host == "" {
		return nil, variable("TABI_SMS_URL", forms)
	}
	open := map[string]func(Config, *url.URL) (smsProvider, error){
		"http": openSMSCall, "https": openSMSCall, "twilio": openTwilio, "vonage": openVonage,
	}[u.Scheme]
	if open == nil {
		return nil, variable("TABI_SMS_URL", forms)
	}
	provider, err := open(cfg, u)
	if err != nil {
		return nil, err
	}
	return &sms{overHTTP: newOverHTTP(cfg, smsSpec, false), provider: provider}, nil
}

func (s *sms) Dedupes() bool { return s.provider.dedupes() }

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
	target, header, body, err := s.provider.request(to.Text, m)
	if err != nil {
		return channel.Receipt{Outcome: channel.NotSent, Reason: err.Error()}
	}
	a, f := post(ctx, s.client, target, header, body)
	if f != nil {
		return f.receipt()
	}
	r := s.provider.receipt(a, m)
	if r.Outcome == channel.Sent {
		r.Segments = text.Segments(m.Fields["text"]).Segments
	}
	return r
}

// smsBase returns the address of a provider's API: that of ?api=, or its own.
func smsBase(u *url.URL, own string) (string, error) {
	base := u.Query().Get("api")
	if base == "" {
		return own, nil
	}
	api, err := url.Parse(base)
	if err != nil || api.Host == "" || api.Scheme != "https" && api.Scheme != "http" {
		return "", variable("TABI_SMS_URL", "api= must be an http or https address")
	}
	return strings.TrimSuffix(api.String(), "/"), nil
}

// SMSAddress returns the address of the API that a TABI_SMS_URL sends to; empty: it names none.
func SMSAddress(setting string) string {
	u, err := url.Parse(setting)
	if err != nil {
		return ""
	}
	own, known := map[string]string{"twilio": twilioAPI, "vonage": vonageAPI}[u.Scheme]
	if !known {
		return setting
	}
	base, _ := smsBase(u, own)
	return base
}

// smsSender returns who messages are from, by from=. A + that was not written as %2B is read as a space.
func smsSender(u *url.URL) string {
	from := u.Query().Get("from")
	if rest, plus := strings.CutPrefix(from, " "); plus {
		from = "+" + rest
	}
	return strings.TrimSpace(from)
}

// reportsTo returns where a provider reports the fate of messages; empty if the gateway has no public address, which providers refuse.
func reportsTo(cfg Config, provider string) string {
	u, err := url.Parse(cfg.PublicURL)
	if err != nil || u.Scheme != "https" || u.Hostname() == "localhost" || strings.HasPrefix(u.Hostname(), "127.") {
		return ""
	}
	return strings.TrimSuffix(cfg.PublicURL, "/") + "/v1/providers/" + provider
}

// smsFailure returns the receipt of an answer that is no success, by its status alone: 429 and 503 certainly sent nothing, other failures
// of a server may have.
func smsFailure(a *answer, reason string, addresses ...string) channel.Receipt {
	r := waiting(a, channel.Receipt{Outcome: channel.Refused, Reason: clean(reason, addresses...)})
	switch {
	case a.status == http.StatusTooManyRequests, a.status == http.StatusServiceUnavailable, a.status == http.StatusRequestTimeout:
		r.Outcome = channel.NotSent
	case a.status/100 == 5:
		r.Outcome = channel.Unknown
	}
	return r
}

// smsCall posts {"to","text","key"} to one provider, or to a small bridge in front of one. The request is signed by the
// Standard Webhooks spec and carries the key as webhook-id and Idempotency-Key; the provider sends each key once. A
// 2xx response may hold the provider's own {"id"}; 410, or a word for it in the JSON of another 4xx, means that the number is
// dead.
type smsCall struct {
	url  string
	sign signer
}

func openSMSCall(cfg Config, u *url.URL) (smsProvider, error) {
	s, err := newSigner(cfg.SMSSecret)
	if err != nil {
		return nil, variable("TABI_SMS_SECRET", "%w", err)
	}
	if len(s) == 0 {
		return nil, variable("TABI_SMS_SECRET", "must be set with TABI_SMS_URL: it signs the calls")
	}
	return &smsCall{url: u.String(), sign: s}, nil
}

func (s *smsCall) dedupes() bool { return true }

func (s *smsCall) request(to string, m channel.Message) (string, http.Header, []byte, error) {
	body, err := json.Marshal(map[string]string{"to": to, "text": m.Fields["text"], "key": m.Key})
	if err != nil {
		return "", nil, nil, err
	}
	id := headerKey(m.Key)
	header, err := s.sign.headers(id, clock.Wall(), body)
	if err != nil {
		return "", nil, nil, err
	}
	header.Set("Content-Type", "application/json")
	header.Set("Idempotency-Key", id)
	return s.url, header, body, nil
}

func (s *smsCall) receipt(a *answer, m channel.Message) channel.Receipt {
	r := a.receipt(m.Address)
	switch {
	case r.Outcome == channel.Sent:
		var taken struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(a.body, &taken) == nil {
			r.ProviderID = oneLine(taken.ID)
		}
	case r.Outcome == channel.Refused && address.OptedOut(said(a.body)...):
		r.OptedOut = true
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
