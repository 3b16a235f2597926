package mailapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/webhook"
)

// resendCall is a request of Resend: https://resend.com/docs/webhooks/event-types
type resendCall struct {
	Type      string
	CreatedAt string `json:"created_at"`
	Data      struct {
		EmailID    string `json:"email_id"`
		To         []string
		Tags       json.RawMessage
		Bounce     struct{ Type, SubType, Message string }
		Click      struct{ Link, Timestamp string }
		Failed     struct{ Reason string }
		Suppressed struct{ Type, Message string }
	}
}

func resendReceiver(env provider.Env) (webhook.Receiver, error) {
	secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(env.Keys[resendWebhook], "whsec_"))
	if err != nil || len(secret) < 16 {
		return nil, provider.Wrong(resendWebhook, "is not the signing secret of a webhook of Resend: whsec_…")
	}
	return provider.Receive(func(r *http.Request, body []byte) (channel.Received, error) {
		id, stamp := r.Header.Get("Svix-Id"), r.Header.Get("Svix-Timestamp")
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(id + "." + stamp + "."))
		mac.Write(body)
		want, signed := "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)), false
		for one := range strings.FieldsSeq(r.Header.Get("Svix-Signature")) { // one for each secret that is in use
			signed = provider.Same(one, want) || signed
		}
		seconds, err := strconv.ParseInt(stamp, 10, 64)
		if !signed || err != nil || id == "" {
			return channel.Received{}, channel.ErrSignature
		}
		if err := provider.Fresh(time.Unix(seconds, 0), env.Now()); err != nil { // each try is signed by itself
			return channel.Received{}, err
		}
		var c resendCall
		if err := provider.Decode(body, &c); err != nil {
			return channel.Received{}, err
		}
		return c.received(id), nil
	}), nil
}

func (c *resendCall) received(id string) channel.Received {
	r := channel.Report{
		ID: "resend/" + id, Channel: email, Key: c.key(), ProviderID: c.Data.EmailID, At: provider.When(c.CreatedAt),
	}
	if len(c.Data.To) == 1 {
		r.Address = c.Data.To[0]
	}
	switch c.Type {
	case "email.delivered":
		r.Kind = channel.Delivered
	case "email.opened":
		r.Kind = channel.Opened
	case "email.clicked":
		r.Kind, r.URL = channel.Clicked, c.Data.Click.Link
	case "email.bounced":
		r.Kind, r.Class = channel.Bounced, provider.Class(c.Data.Bounce.Type, c.Data.Bounce.Message)
		r.Reason = strings.Trim(c.Data.Bounce.Type+"/"+c.Data.Bounce.SubType+": "+c.Data.Bounce.Message, "/: ")
	case "email.suppressed":
		r.Kind, r.Class = channel.Bounced, provider.Class(c.Data.Suppressed.Type, "")
		r.Reason = strings.Trim(c.Data.Suppressed.Type+": "+c.Data.Suppressed.Message, ": ")
	case "email.complained":
		r.Kind = channel.Complained
	case "email.failed":
		r.Kind, r.Reason = channel.Failed, c.Data.Failed.Reason
	case "email.sent", "email.scheduled":
		return provider.Ignore("the mail was accepted, which is known")
	case "email.delivery_delayed":
		return provider.Ignore("a delay: Resend tries again")
	default:
		return provider.Ignore(provider.Unknown(c.Type))
	}
	return channel.Received{Reports: []channel.Report{r}}
}

// key returns the ledger key in the tags, which come as an object, and formerly as a list.
func (c *resendCall) key() string {
	var tags map[string]string
	if json.Unmarshal(c.Data.Tags, &tags) == nil {
		return untag(tags[metadataKey])
	}
	var list []struct{ Name, Value string }
	_ = json.Unmarshal(c.Data.Tags, &list)
	for _, one := range list {
		if one.Name == metadataKey {
			return untag(one.Value)
		}
	}
	return ""
}
