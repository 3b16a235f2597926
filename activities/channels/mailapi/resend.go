package mailapi

import (
	"context"
	"net/http"
	"net/url"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel"
)

// Resend: https://resend.com/docs/api-reference/emails/send-email. A second call with the same Idempotency-Key within 24 hours returns
// the answer to the first. Its webhooks are signed by Svix: https://resend.com/docs/webhooks

const (
	resendKey     = "TABI_RESEND_KEY"
	resendWebhook = "TABI_RESEND_WEBHOOK_SECRET"
)

var resend = api{
	Provider: provider.Provider{
		Name: "resend", Channel: email, Receiver: resendReceiver,
		Settings: []provider.Setting{
			{Name: resendKey, Use: provider.Sends, Doc: "API key of Resend, for resend:// in email-url: re_…"},
			{Name: resendWebhook, Use: provider.Reports, Doc: "signing secret of Resend's webhook: whsec_…"},
		},
	},
	open: func(u *url.URL, q url.Values, keys provider.Keys) (API, error) {
		at, err := fixed(u, q, "https://api.resend.com")
		return resendAPI{at: at, key: keys[resendKey]}, err
	},
}

type resendAPI struct{ at, key string }

func (a resendAPI) Base() string  { return a.at }
func (a resendAPI) Dedupes() bool { return true }

// maxIdempotencyKey is how long Resend lets a key be.
const maxIdempotencyKey = 256

func (a resendAPI) Request(_ context.Context, m Mail) (Request, error) {
	p, err := take(m.Raw)
	if err != nil {
		return Request{}, err
	}
	body := map[string]any{"from": p.From, "to": []string{m.To}, "subject": p.Subject, "headers": p.headers()}
	for name, value := range map[string]string{"reply_to": p.ReplyTo, "html": p.HTML, "text": p.Text} {
		if value != "" {
			body[name] = value
		}
	}
	if t := tag(m.Key); t != "" {
		body["tags"] = []map[string]string{{"name": metadataKey, "value": t}}
	}
	key := m.Key
	if len(key) > maxIdempotencyKey {
		key = digest(key)
	}
	return post(a.at+"/emails", body, "Authorization", "Bearer "+a.key, "Idempotency-Key", key)
}

func (a resendAPI) Receipt(got Answer) channel.Receipt {
	var said struct{ ID, Name, Message string }
	got.json(&said)
	reason := got.says("Resend", said.Name, said.Message)
	switch {
	case got.Status/100 == 2:
		return channel.Receipt{Outcome: channel.Sent, ProviderID: said.ID}
	case got.Status == http.StatusConflict && said.Name == "invalid_idempotent_request":
		// An earlier attempt with this key was accepted, with another body: the content has changed since.
		return channel.Receipt{Outcome: channel.Sent, Reason: reason}
	case said.Name == "invalid_from_address", said.Name == "invalid_access", said.Name == "restricted_api_key":
		return got.wrong(reason, resendKey+" or the sender")
	case got.Status == http.StatusUnprocessableEntity && aboutTo.MatchString(said.Message):
		return gone(reason)
	}
	return got.receipt(reason, resendKey)
}
