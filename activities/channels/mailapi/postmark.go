package mailapi

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/webhook"
)

// Postmark signs no webhooks: it calls a URL with the user and password of HTTP basic auth that were set for it.
// https://postmarkapp.com/developer/webhooks/webhooks-overview

// postmarkWebhook is the variable with user:password of the webhook.
const postmarkWebhook = "TABI_POSTMARK_WEBHOOK"

var postmark = provider.Provider{
	Name: "postmark", Channel: email, Receiver: postmarkReceiver,
	Settings: []provider.Setting{{
		Name: postmarkWebhook, Use: provider.Reports, Own: true,
		Doc: "user:password in the URL of Postmark's webhooks, https://user:password@host/v1/providers/postmark",
	}},
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
