package mailapi

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/webhook"
)

// Postmark: https://postmarkapp.com/developer/api/email-api. It drops no repeats. It signs no webhooks: it calls a URL with the user
// and password of HTTP basic auth that were set for it. https://postmarkapp.com/developer/webhooks/webhooks-overview

const (
	postmarkToken   = "TABI_POSTMARK_TOKEN"
	postmarkWebhook = "TABI_POSTMARK_WEBHOOK" // user:password of the webhook
)

var postmark = api{
	Provider: provider.Provider{
		Name: "postmark", Channel: email, Receiver: postmarkReceiver,
		Settings: []provider.Setting{
			{Name: postmarkToken, Use: provider.Sends, Doc: "server token of Postmark, for postmark:// in email-url"},
			{
				Name: postmarkWebhook, Use: provider.Reports, Own: true,
				Doc: "user:password in the URL of Postmark's webhooks, https://user:password@host/v1/providers/postmark",
			},
		},
	},
	open: func(u *url.URL, q url.Values, keys provider.Keys) (API, error) {
		stream := q.Get("stream")
		q.Del("stream")
		at, err := fixed(u, q, "https://api.postmarkapp.com")
		return postmarkAPI{at: at, token: keys[postmarkToken], stream: stream}, err
	},
}

type postmarkAPI struct{ at, token, stream string }

func (a postmarkAPI) Base() string  { return a.at }
func (a postmarkAPI) Dedupes() bool { return false }

// maxMetadata is the longest value of Postmark's metadata, in characters. The key of a longer one is found by the id of the message.
const maxMetadata = 80

func (a postmarkAPI) Request(_ context.Context, m Mail) (Request, error) {
	p, err := take(m.Raw)
	if err != nil {
		return Request{}, err
	}
	headers := []map[string]string{{"Name": "X-PM-KeepID", "Value": "true"}} // of the mail's own Message-ID
	for _, h := range p.Headers {
		headers = append(headers, map[string]string{"Name": h.Name, "Value": h.Value})
	}
	body := map[string]any{"From": p.From, "To": m.To, "Subject": p.Subject, "Headers": headers}
	for name, value := range map[string]string{"ReplyTo": p.ReplyTo, "HtmlBody": p.HTML, "TextBody": p.Text, "MessageStream": a.stream} {
		if value != "" {
			body[name] = value
		}
	}
	if len(m.Key) <= maxMetadata {
		body["Metadata"] = map[string]string{metadataKey: m.Key}
	}
	return post(a.at+"/email", body, "X-Postmark-Server-Token", a.token)
}

// Codes of https://postmarkapp.com/developer/api/overview#error-codes.
const (
	postmarkMaintenance = 100
	postmarkInvalid     = 300
	postmarkInactive    = 406 // the address bounced, complained, or was suppressed by hand
)

// postmarkSettings are the codes that are about the account, the sender or the stream.
var postmarkSettings = map[int]bool{10: true, 400: true, 401: true, 405: true, 411: true, 412: true, 413: true, 701: true, 1235: true}

func (a postmarkAPI) Receipt(got Answer) channel.Receipt {
	var said struct {
		ErrorCode          int
		Message, MessageID string
	}
	got.json(&said)
	code := ""
	if said.ErrorCode != 0 {
		code = strconv.Itoa(said.ErrorCode)
	}
	reason := got.says("Postmark", code, said.Message)
	switch {
	case got.Status/100 == 2 && said.ErrorCode == 0:
		return channel.Receipt{Outcome: channel.Sent, ProviderID: said.MessageID}
	case said.ErrorCode == postmarkInactive, said.ErrorCode == postmarkInvalid && aboutTo.MatchString(said.Message):
		return gone(reason)
	case postmarkSettings[said.ErrorCode]:
		return got.wrong(reason, postmarkToken+", the sender or the stream in "+setting)
	case said.ErrorCode == postmarkMaintenance:
		return got.busy(reason)
	}
	return got.receipt(reason, postmarkToken)
}

// postmarkEvent is the body of a webhook of Postmark, of any RecordType.
type postmarkEvent struct {
	RecordType  string
	ID          int64 // of a bounce or complaint
	Type        string
	MessageID   string
	Metadata    map[string]string
	Recipient   string
	Email       string
	Description string
	Details     string
	DeliveredAt, BouncedAt, ReceivedAt,
	ChangedAt string
	OriginalLink      string
	SuppressSending   bool
	SuppressionReason string
	Origin            string
}

func postmarkReceiver(env provider.Env) (webhook.Receiver, error) {
	user, password, found := strings.Cut(env.Keys[postmarkWebhook], ":")
	if !found || user == "" || len(password) < 12 {
		return nil, provider.Wrong(postmarkWebhook,
			"give user:password, as in the URL of the webhook, the password of at least 12 characters")
	}
	return provider.Receive(func(r *http.Request, body []byte) (channel.Received, error) {
		gotUser, gotPassword, _ := r.BasicAuth()
		if !provider.Same(user, gotUser) || !provider.Same(password, gotPassword) {
			return channel.Received{}, channel.ErrSignature
		}
		var e postmarkEvent
		if err := provider.Decode(body, &e); err != nil {
			return channel.Received{}, err
		}
		return postmarkReport(e), nil
	}), nil
}

// postmarkHard are the types of bounces after which Postmark itself stops sending.
var postmarkHard = map[string]bool{"HardBounce": true, "BadEmailAddress": true, "ManuallyDeactivated": true}

func postmarkReport(e postmarkEvent) channel.Received {
	r := channel.Report{Channel: email, Key: e.Metadata[metadataKey], ProviderID: e.MessageID, Address: e.Recipient}
	switch e.RecordType {
	case "Delivery":
		r.Kind, r.At = channel.Delivered, provider.When(e.DeliveredAt)
	case "Open":
		r.Kind, r.At = channel.Opened, provider.When(e.ReceivedAt)
	case "Click":
		r.Kind, r.At, r.URL = channel.Clicked, provider.When(e.ReceivedAt), e.OriginalLink
	case "Bounce":
		r.Kind, r.At, r.Address, r.Reason, r.Class = channel.Bounced, provider.When(e.BouncedAt), e.Email, e.Details, channel.Soft
		if r.Reason == "" {
			r.Reason = e.Description
		}
		switch {
		case postmarkHard[e.Type]:
			r.Class = channel.Hard
		case e.Type == "SpamNotification" || e.Type == "SpamComplaint":
			r.Kind, r.Class = channel.Complained, ""
		case e.Type == "Unsubscribe":
			r.Kind, r.Class = channel.Unsubscribed, ""
		}
	case "SpamComplaint":
		r.Kind, r.At, r.Address = channel.Complained, provider.When(e.BouncedAt), e.Email
	case "SubscriptionChange":
		if !e.SuppressSending || e.SuppressionReason != "ManualSuppression" {
			return provider.Ignore("a change of a suppression that is no opt-out of a customer")
		}
		r.Kind, r.At = channel.Unsubscribed, provider.When(e.ChangedAt)
	default:
		return provider.Ignore(provider.Unknown(e.RecordType))
	}
	if e.ID != 0 {
		r.ID = "postmark/" + strconv.FormatInt(e.ID, 10)
	}
	return channel.Received{Reports: []channel.Report{r}}
}
