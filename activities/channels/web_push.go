package channels

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	webpush "github.com/SherClockHolmes/webpush-go"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/address"
	vapid "github.com/tabi-journeys/tabi/internal/webpush"
)

var webPushSpec = channel.Spec{
	Name: "web_push", Doc: "A push message to the customer's browsers.", Address: "web_push", Tracks: true,
	Fields: []channel.Field{
		{Name: "title", Doc: "The title: one line.", Required: true},
		{Name: "body", Doc: "The text under it.", Required: true},
		{Name: "link", Doc: "What a tap opens: a web address."},
	},
}

// webPush sends to browsers by their push services (RFC 8030), encrypted for the browser (RFC 8291) and signed by the sender's key (RFC
// 8292). The topic is made of the key, so a repeat takes the place of the first message: at the service while the browser is away, and on
// the screen by the notification's tag. Customers name the endpoints: they must be https, and are connected to only at public addresses.
type webPush struct {
	overHTTP
	key     vapid.Key
	contact string
	instead *webpush.Subscription // gets all messages; nil: the customers' browsers do
}

// webPushProvider declares the settings of web push.
var webPushProvider = provider.Provider{
	Name: "web-push", Channel: "web_push",
	Settings: []provider.Setting{
		{Name: vapid.KeyVariable, Doc: "private key of web push (tabi keys web-push makes one); browsers that subscribed with another " +
			"key get nothing", Use: provider.Sends},
		{Name: vapid.ContactVariable, Doc: "mail or https address by which push services reach the sender", Use: provider.Sends,
			Open: true},
		{Name: vapid.URLVariable, Doc: "push service that gets all messages in place of the browsers' own, with the keys to encrypt by " +
			"(…?p256dh=…&auth=…), for tests; empty: the browsers' own", Use: provider.Sends, Optional: true, Open: true},
	},
}

// maxWebPush is the largest message, in bytes: push services take 4096 with the encryption.
const maxWebPush = 3900

func openWebPush(cfg Config) (channel.Channel, error) {
	missing, some := webPushProvider.Missing(cfg.Keys, provider.Sends)
	if !some {
		return nil, &channel.NotConfiguredError{Setting: vapid.KeyVariable}
	}
	if len(missing) > 0 {
		return nil, variable(missing[0], "must be set too, to send to browsers")
	}
	key, err := vapid.ParseKey(cfg.Keys[vapid.KeyVariable])
	if err != nil {
		return nil, variable(vapid.KeyVariable, "%w", err)
	}
	contact, err := vapid.ParseContact(cfg.Keys[vapid.ContactVariable])
	if err != nil {
		return nil, variable(vapid.ContactVariable, "%w", err)
	}
	instead, err := webPushInstead(cfg.Keys[vapid.URLVariable])
	if err != nil {
		return nil, err
	}
	return &webPush{
		overHTTP: newOverHTTP(cfg, webPushSpec, instead == nil && !cfg.WebhookAllowPrivate), key: key, contact: contact,
		instead: instead,
	}, nil
}

// webPushInstead reads the push service that gets all messages; nil: there is none.
func webPushInstead(address string) (*webpush.Subscription, error) {
	if address == "" {
		return nil, nil
	}
	u, err := url.Parse(address)
	const what = "must be an http or https address with p256dh and auth in its query"
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, variable(vapid.URLVariable, what)
	}
	out := &webpush.Subscription{Keys: webpush.Keys{P256dh: u.Query().Get("p256dh"), Auth: u.Query().Get("auth")}}
	if out.Keys.P256dh == "" || out.Keys.Auth == "" {
		return nil, variable(vapid.URLVariable, what)
	}
	u.RawQuery = ""
	out.Endpoint = u.String()
	return out, nil
}

func (w *webPush) Dedupes() bool { return true }

// Send sends to one browser: Message.Address is its subscription, as JSON.
func (w *webPush) Send(ctx context.Context, m channel.Message) channel.Receipt {
	if r, bad := channel.Check(ctx, w.spec, m); bad {
		return r
	}
	to, err := address.Judge(address.WebPush, m.Address)
	if err != nil {
		return channel.Receipt{Outcome: channel.Refused, Reason: "the customer's web_push " + err.Error()}
	}
	var sub webpush.Subscription
	if err := json.Unmarshal([]byte(to.Text), &sub); err != nil {
		return channel.Receipt{Outcome: channel.Refused, Reason: "the customer's web_push cannot be read"}
	}
	if w.instead != nil {
		sub = webpush.Subscription{
			Endpoint: w.instead.Endpoint + "?" + url.Values{"to": {sub.Endpoint}}.Encode(), Keys: w.instead.Keys,
		}
	}
	body, err := json.Marshal(webPushPayload(m))
	if err != nil || len(body) > maxWebPush {
		return channel.Receipt{
			Outcome: channel.Refused, Reason: fmt.Sprintf("the message has %d bytes; browsers take at most %d", len(body), maxWebPush),
		}
	}
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	var begun, written atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { begun.Store(true) }, WroteHeaders: func() { written.Store(true) },
	})
	urgency := webpush.UrgencyNormal
	if m.Category == "transactional" {
		urgency = webpush.UrgencyHigh
	}
	resp, err := webpush.SendNotificationWithContext(ctx, body, &sub, &webpush.Options{
		HTTPClient: w.client, Subscriber: w.contact, Topic: digest(m.Key), TTL: int(timeToLive(m) / time.Second), Urgency: urgency,
		VAPIDPublicKey: w.key.Public, VAPIDPrivateKey: w.key.Private,
	})
	switch {
	case err != nil && !begun.Load() && !errors.Is(err, errPrivate):
		// Nothing was sent: the library could not encrypt for the subscription's keys.
		return channel.Receipt{Outcome: channel.Refused, Gone: true, Reason: "the keys of the browser's subscription cannot be used"}
	case err != nil:
		return (&failure{err: err, written: written.Load()}).receipt()
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return webPushReceipt(&answer{status: resp.StatusCode, header: resp.Header, body: text}, sub)
}

// webPushPayload returns what the page's service worker shows.
func webPushPayload(m channel.Message) map[string]any {
	out := map[string]any{
		"title": m.Fields["title"], "body": m.Fields["body"], "tag": digest(m.Key),
		"tabi_key": m.Key, "journey": m.Journey, "step": m.Step, "message": m.Message,
	}
	for _, name := range []string{"link", "image"} {
		if text := m.Fields[name]; text != "" {
			out[name] = text
		}
	}
	if buttons := channel.Items(m.Fields, "buttons"); len(buttons) > 0 {
		out["buttons"] = buttons
	}
	return out
}

// webPushReceipt reads the answer of a push service.
func webPushReceipt(a *answer, sub webpush.Subscription) channel.Receipt {
	if a.status/100 == 2 {
		return channel.Receipt{Outcome: channel.Sent}
	}
	r := waiting(a, channel.Receipt{
		Outcome: channel.Refused,
		Reason:  clean(fmt.Sprintf("the push service answered %d %s", a.status, http.StatusText(a.status)), sub.Endpoint),
	})
	switch {
	case a.status == http.StatusNotFound, a.status == http.StatusGone:
		r.Gone, r.RetryAfter, r.Busy = true, 0, false
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		r.Reason += "; did the browser subscribe with another " + vapid.KeyVariable + "?"
	case a.status == http.StatusTooManyRequests, a.status == http.StatusServiceUnavailable:
		r.Outcome = channel.NotSent
	case a.status/100 == 5:
		r.Outcome = channel.Unknown
	}
	r.Busy = false // one service of several, and its Retry-After is about one browser
	return r
}
