package mailapi

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/channel"
)

// Postmark signs no webhooks: it calls a URL with the user and password of HTTP basic auth that were set for it.
// https://postmarkapp.com/developer/webhooks/webhooks-overview

// postmarkWebhook is the variable with user:password of the webhook.
const postmarkWebhook = "TABI_POSTMARK_WEBHOOK"

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

func postmarkReceiver(keys Keys, _ func() time.Time) (channel.Receiver, error) {
	user, password, found := strings.Cut(keys[postmarkWebhook], ":")
	if !found || user == "" || len(password) < 12 {
		return nil, errors.New("give user:password, as in the URL of the webhook, the password of at least 12 characters")
	}
	return receive(func(r *http.Request, body []byte) (channel.Received, error) {
		gotUser, gotPassword, _ := r.BasicAuth()
		if !same(user, gotUser) || !same(password, gotPassword) {
			return channel.Received{}, channel.ErrSignature
		}
		var e postmarkEvent
		if err := decode(body, &e); err != nil {
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
		r.Kind, r.At = channel.Delivered, when(e.DeliveredAt)
	case "Open":
		r.Kind, r.At = channel.Opened, when(e.ReceivedAt)
	case "Click":
		r.Kind, r.At, r.URL = channel.Clicked, when(e.ReceivedAt), e.OriginalLink
	case "Bounce":
		r.Kind, r.At, r.Address, r.Reason, r.Class = channel.Bounced, when(e.BouncedAt), e.Email, e.Details, channel.Soft
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
		r.Kind, r.At, r.Address = channel.Complained, when(e.BouncedAt), e.Email
	case "SubscriptionChange":
		if !e.SuppressSending || e.SuppressionReason != "ManualSuppression" {
			return channel.Received{Ignored: []string{"a change of a suppression that is no opt-out of a customer"}}
		}
		r.Kind, r.At = channel.Unsubscribed, when(e.ChangedAt)
	default:
		return channel.Received{Ignored: []string{fmt.Sprintf("records of type %.40q are ignored", e.RecordType)}}
	}
	if e.ID != 0 {
		r.ID = "postmark/" + strconv.FormatInt(e.ID, 10)
	}
	return channel.Received{Reports: []channel.Report{r}}
}
