package channels

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/tabi-journeys/tabi/activities/httpclient"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/clock"
)

var webhookSpec = channel.Spec{
	Name: "webhook", Doc: "A POST to another system, signed by the Standard Webhooks spec.",
	Fields: []channel.Field{
		{Name: "url", Doc: "Where it goes: an http or https address, one line.", Required: true},
		{Name: "body", Doc: "What is sent, usually JSON."},
	},
}

// webhook posts the rendered body to the rendered address. Receivers drop repeats by webhook-id, as the Standard
// Webhooks spec asks.
type webhook struct {
	overHTTP
	sign signer
}

func openWebhook(cfg Config) (channel.Channel, error) {
	s, err := newSigner(cfg.WebhookSecret)
	if err != nil {
		return nil, variable("TABI_WEBHOOK_SECRET", "%w", err)
	}
	if len(s) == 0 {
		return nil, &channel.NotConfiguredError{Setting: "TABI_WEBHOOK_SECRET"}
	}
	return &webhook{overHTTP: newOverHTTP(cfg, webhookSpec, !cfg.WebhookAllowPrivate), sign: s}, nil
}

func (w *webhook) Dedupes() bool { return true }

// Sender returns the host. Each host is a provider of its own.
func (w *webhook) Sender(m channel.Message) (string, bool) {
	if target, err := url.Parse(strings.TrimSpace(m.Fields["url"])); err == nil {
		return target.Hostname(), true
	}
	return "", true
}

// Send posts once. Redirects are not followed.
func (w *webhook) Send(ctx context.Context, m channel.Message) channel.Receipt {
	if r, bad := channel.Check(ctx, w.spec, m); bad {
		return r
	}
	target, err := url.Parse(strings.TrimSpace(m.Fields["url"]))
	if err != nil || target.Host == "" || (target.Scheme != "https" && target.Scheme != "http") {
		return channel.Receipt{Outcome: channel.Refused, Reason: "the url is not an http or https address"}
	}
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	body := []byte(m.Fields["body"])
	header, err := w.sign.headers(headerKey(m.Key), clock.Wall(), body)
	if err != nil {
		return channel.Receipt{Outcome: channel.NotSent, Reason: "the webhook could not be signed"}
	}
	header.Set("Content-Type", "text/plain; charset=utf-8")
	if json.Valid(body) {
		header.Set("Content-Type", "application/json")
	}
	a, f := post(ctx, w.client, target.String(), header, body)
	if f != nil {
		return f.receipt()
	}
	return a.receipt(m.Address)
}

// receipt reads a response as Standard Webhooks defines it: 2xx is accepted; 408, 425, 429 and 5xx may pass, except
// that a proxy that timed out (502, 504) may have passed the message on; everything else is refused.
func (a *answer) receipt(address string) channel.Receipt {
	reason := fmt.Sprintf("the answer was %d %s", a.status, http.StatusText(a.status))
	r := channel.Receipt{Outcome: channel.Refused, Reason: clean(reason, address)}
	switch {
	case a.status/100 == 2:
		return channel.Receipt{Outcome: channel.Sent}
	case a.status/100 == 3:
		r.Reason += "; redirects are not followed"
	case a.status == http.StatusBadGateway, a.status == http.StatusGatewayTimeout:
		r.Outcome = channel.Unknown
	case a.status == http.StatusRequestTimeout, a.status == http.StatusTooEarly, a.status == http.StatusTooManyRequests, a.status/100 == 5:
		r.Outcome = channel.NotSent
	}
	if r.Outcome != channel.Refused {
		r = waiting(a, r)
	}
	return r
}

// waiting returns the receipt with the provider's Retry-After.
func waiting(a *answer, r channel.Receipt) channel.Receipt {
	r.RetryAfter = httpclient.RetryAfter(a.header.Get("Retry-After"), clock.Wall())
	r.Busy = r.RetryAfter > 0 && a.busy()
	return r
}

// busy reports whether the provider is overloaded.
func (a *answer) busy() bool {
	return a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable
}
