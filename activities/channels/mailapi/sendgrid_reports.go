package mailapi

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/webhook"
)

// sendgridWindow is how old a request may be: SendGrid repeats one for 24 hours.
const sendgridWindow = 24 * time.Hour

func sendgridReceiver(env provider.Env) (webhook.Receiver, error) {
	text := strings.TrimSpace(env.Keys[sendgridWebhook])
	der, err := base64.StdEncoding.DecodeString(text)
	if block, _ := pem.Decode([]byte(text)); block != nil {
		der, err = block.Bytes, nil
	}
	var parsed any
	if err == nil {
		parsed, err = x509.ParsePKIXPublicKey(der)
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if err != nil || !ok {
		return nil, provider.Wrong(sendgridWebhook, "is not the verification key of SendGrid's event webhook: MFkw…")
	}
	return provider.Receive(func(r *http.Request, body []byte) (channel.Received, error) {
		stamp := r.Header.Get("X-Twilio-Email-Event-Webhook-Timestamp")
		signature, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Twilio-Email-Event-Webhook-Signature"))
		sum := sha256.Sum256(append([]byte(stamp), body...))
		if err != nil || stamp == "" || !ecdsa.VerifyASN1(key, sum[:], signature) {
			return channel.Received{}, channel.ErrSignature
		}
		seconds, err := strconv.ParseInt(stamp, 10, 64)
		if err != nil {
			return channel.Received{}, channel.ErrSignature
		}
		if err := provider.Within(time.Unix(seconds, 0), env.Now(), sendgridWindow); err != nil {
			return channel.Received{}, err
		}
		var events []json.RawMessage
		if err := provider.Decode(body, &events); err != nil {
			return channel.Received{}, err
		}
		var out channel.Received
		for _, raw := range events {
			var e sendgridEvent
			if json.Unmarshal(raw, &e) != nil {
				out.Ignored = append(out.Ignored, "an element of the list is no event")
				continue
			}
			if report, ignored := e.report(); ignored != "" {
				out.Ignored = append(out.Ignored, ignored)
			} else {
				out.Reports = append(out.Reports, report)
			}
		}
		return out, nil
	}), nil
}

// sendgridEvent is an element of a batch: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
type sendgridEvent struct {
	Event, Email, Type, Status, Reason, URL string
	Timestamp                               float64
	Key                                     string `json:"tabi-key"`
	EventID                                 string `json:"sg_event_id"`
	MessageID                               string `json:"sg_message_id"`
	Machine                                 bool   `json:"sg_machine_open"`
}

// sendgridDrops are the reasons for which SendGrid does not even try.
var sendgridDrops = map[string]channel.ReportKind{
	"bounced address": channel.Bounced, "invalid": channel.Bounced, "unsubscribed address": channel.Unsubscribed,
	"spam reporting address": channel.Complained,
}

func (e *sendgridEvent) report() (r channel.Report, ignored string) {
	id, _, _ := strings.Cut(e.MessageID, ".") // X-Message-Id, and then what SendGrid adds
	r = channel.Report{
		Channel: email, Key: e.Key, ProviderID: id, Address: e.Email, At: provider.Seconds(e.Timestamp),
	}
	if e.EventID != "" {
		r.ID = "sendgrid/" + e.EventID
	}
	switch e.Event {
	case "delivered":
		r.Kind = channel.Delivered
	case "open":
		r.Kind, r.Machine = channel.Opened, e.Machine
	case "click":
		r.Kind, r.URL = channel.Clicked, e.URL
	case "bounce":
		r.Kind, r.Reason = channel.Bounced, strings.TrimSpace(e.Status+" "+e.Reason)
		if r.Class = provider.Class("bounce", r.Reason); e.Type == "blocked" {
			r.Class = channel.Soft // the message was refused, and not the address
		}
	case "dropped":
		r.Kind, r.Reason = sendgridDrops[strings.ToLower(e.Reason)], e.Reason
		switch r.Kind {
		case "":
			r.Kind = channel.Failed
		case channel.Bounced:
			r.Class = channel.Hard
		}
	case "spamreport":
		r.Kind = channel.Complained
	case "unsubscribe", "group_unsubscribe":
		r.Kind = channel.Unsubscribed
	case "processed":
		return r, "the mail was accepted, which is known"
	case "deferred":
		return r, "a delay: SendGrid tries again"
	default:
		return r, provider.Unknown(e.Event)
	}
	return r, ""
}
