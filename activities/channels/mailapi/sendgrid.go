package mailapi

import (
	"context"
	"errors"
	"net/http"
	"net/mail"
	"net/url"
	"strings"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel"
)

// SendGrid: https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send. It drops no repeats. Its event webhook is signed by
// ECDSA: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features

const (
	sendgridKey     = "TABI_SENDGRID_KEY"
	sendgridWebhook = "TABI_SENDGRID_WEBHOOK_KEY"
)

var sendgrid = api{
	Provider: provider.Provider{
		Name: "sendgrid", Channel: email, Receiver: sendgridReceiver,
		Settings: []provider.Setting{
			{Name: sendgridKey, Use: provider.Sends, Doc: "API key of SendGrid, for sendgrid:// in email-url: SG.…"},
			{Name: sendgridWebhook, Use: provider.Reports, Open: true, Doc: "verification key of SendGrid's signed event webhook"},
		},
	},
	open: func(u *url.URL, q url.Values, keys provider.Keys) (API, error) {
		at := map[string]string{"": "https://api.sendgrid.com", "eu": "https://api.eu.sendgrid.com"}[u.Host]
		if at == "" {
			return nil, errors.New("must be sendgrid:// or sendgrid://eu")
		}
		at, err := base(q, at)
		return sendgridAPI{at: at, key: keys[sendgridKey]}, err
	},
}

type sendgridAPI struct{ at, key string }

func (a sendgridAPI) Base() string  { return a.at }
func (a sendgridAPI) Dedupes() bool { return false }

// sendgridAddress returns an address in SendGrid's form.
func sendgridAddress(text string) map[string]string {
	one, err := mail.ParseAddress(text)
	if err != nil {
		return map[string]string{"email": text}
	}
	out := map[string]string{"email": one.Address}
	if one.Name != "" {
		out["name"] = one.Name
	}
	return out
}

func (a sendgridAPI) Request(_ context.Context, m Mail) (Request, error) {
	p, err := take(m.Raw)
	if err != nil {
		return Request{}, err
	}
	var content []map[string]string // text before html, as SendGrid asks
	if p.Text != "" {
		content = append(content, map[string]string{"type": "text/plain", "value": p.Text})
	}
	if p.HTML != "" {
		content = append(content, map[string]string{"type": "text/html", "value": p.HTML})
	}
	body := map[string]any{
		"from": sendgridAddress(p.From), "subject": p.Subject, "content": content, "headers": p.headers(),
		"personalizations": []map[string]any{{
			"to": []map[string]string{{"email": m.To}}, "custom_args": map[string]string{metadataKey: m.Key},
		}},
	}
	if p.ReplyTo != "" {
		body["reply_to"] = sendgridAddress(p.ReplyTo)
	}
	return post(a.at+"/v3/mail/send", body, "Authorization", "Bearer "+a.key)
}

func (a sendgridAPI) Receipt(got Answer) channel.Receipt {
	if got.Status/100 == 2 {
		return channel.Receipt{Outcome: channel.Sent, ProviderID: got.Header.Get("X-Message-Id")}
	}
	var said struct {
		Errors []struct{ Message, Field string }
	}
	got.json(&said)
	var words []string
	dead, sender := false, false
	for _, e := range said.Errors {
		words = append(words, e.Message)
		dead = dead || strings.HasPrefix(e.Field, "personalizations.0.to")
		sender = sender || strings.HasPrefix(e.Field, "from")
	}
	reason := got.says("SendGrid", words...)
	switch {
	case got.Status == http.StatusBadRequest && dead:
		return gone(reason)
	case got.Status == http.StatusBadRequest && sender:
		return got.wrong(reason, "the sender of mails")
	}
	return got.receipt(reason, sendgridKey)
}
