package channels_test

import (
	"crypto/x509"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/channeltest"
	"github.com/tabi-journeys/tabi/internal/dev/testservers/phones"
	"github.com/tabi-journeys/tabi/internal/devsinks"
	"github.com/tabi-journeys/tabi/internal/webpush"
)

// browser starts a push service with a subscription, and returns the settings to send to it.
func browser(t *testing.T) (*phones.PushService, channels.Config) {
	t.Helper()
	key, err := webpush.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	p := phones.WebPush(t, key.Public)
	pool := x509.NewCertPool()
	pool.AddCert(p.Certificate())
	return p, channels.Config{RootCAs: pool, WebhookAllowPrivate: true, Keys: map[string]string{
		"TABI_WEB_PUSH_KEY": key.Private, "TABI_WEB_PUSH_CONTACT": "mailto:push@shop.example.com",
	}}
}

func TestWebPushConforms(t *testing.T) {
	t.Parallel()
	p, cfg := browser(t)
	channeltest.Exercise(t, channeltest.Provider{
		Open: func(t *testing.T) channel.Channel { return open(t, "web_push", cfg) }, Message: pushTo(p.Subscription()),
		Received: func(key string) (n int) {
			for _, m := range p.Messages() {
				if strings.Contains(m.Text, `"tabi_key":"`+key+`"`) {
					n++
				}
			}
			return n
		},
		Refuse:     func() { p.Fail(phones.Fault{Status: 400}) },
		NotNow:     func() { p.Fail(phones.Fault{Status: 429}) },
		LoseAnswer: func() { p.Fail(phones.Fault{Drop: true}) },
		Hang:       func() { p.Fail(phones.Fault{Hang: true}) },
		Hung:       p.Hung, Clear: p.Clear,
	})
}

func TestWebPushContent(t *testing.T) {
	t.Parallel()
	p, cfg := browser(t)
	c := open(t, "web_push", cfg)
	m := pushTo(p.Subscription())
	for range 2 {
		if r := c.Send(t.Context(), m); r.Outcome != channel.Sent {
			t.Fatalf("got %+v", r)
		}
	}
	got := p.Messages()
	var said map[string]string
	if err := json.Unmarshal([]byte(got[0].Text), &said); err != nil || said["title"] != m.Fields["title"] ||
		said["body"] != m.Fields["body"] || said["link"] != m.Fields["link"] || said["tag"] == "" || said["tabi_key"] != m.Key {
		t.Errorf("the browser reads %s (%v)", got[0].Text, err)
	}
	if a, b := got[0].Header, got[1].Header; a.Get("Topic") == "" || a.Get("Topic") != b.Get("Topic") || a.Get("TTL") != "86400" ||
		a.Get("Urgency") != "normal" {
		t.Errorf("got %v", a)
	}
	m.Category = "transactional"
	c.Send(t.Context(), m)
	if h := p.Messages()[2].Header; h.Get("Urgency") != "high" || h.Get("TTL") != "259200" {
		t.Errorf("got %v", h)
	}
	m.Fields["body"] = strings.Repeat("長", 1400)
	if r := c.Send(t.Context(), m); r.Outcome != channel.Refused || r.Gone {
		t.Errorf("too large: %+v", r)
	}
}

func TestWebPushReadsStatuses(t *testing.T) {
	t.Parallel()
	p, cfg := browser(t)
	c := open(t, "web_push", cfg)
	for status, want := range map[int]channel.Receipt{
		404: {Outcome: channel.Refused, Gone: true}, 410: {Outcome: channel.Refused, Gone: true}, 413: {Outcome: channel.Refused},
		401: {Outcome: channel.Refused}, 403: {Outcome: channel.Refused}, 301: {Outcome: channel.Refused},
		429: {Outcome: channel.NotSent, RetryAfter: 7 * time.Second}, 503: {Outcome: channel.NotSent, RetryAfter: 7 * time.Second},
		500: {Outcome: channel.Unknown}, 502: {Outcome: channel.Unknown},
	} {
		f := phones.Fault{Status: status}
		if want.RetryAfter > 0 {
			f.Header = map[string]string{"Retry-After": "7"}
		}
		p.Fail(f)
		r := c.Send(t.Context(), pushTo(p.Subscription()))
		p.Clear()
		if r.Reason == "" || strings.Contains(r.Reason, p.URL) {
			t.Errorf("%d: the reason is %q", status, r.Reason)
		}
		if r.Reason = ""; r != want {
			t.Errorf("%d: got %+v, want %+v", status, r, want)
		}
	}
	other, err := webpush.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Keys = map[string]string{"TABI_WEB_PUSH_KEY": other.Private, "TABI_WEB_PUSH_CONTACT": "https://shop.example.com/contact"}
	if r := open(t, "web_push", cfg).Send(t.Context(), pushTo(p.Subscription())); r.Outcome != channel.Refused || r.Gone ||
		!strings.Contains(r.Reason, "TABI_WEB_PUSH_KEY") {
		t.Errorf("with another key: %+v", r)
	}
	broken := strings.Replace(p.Subscription(), `"p256dh":"B`, `"p256dh":"A`, 1)
	if r := c.Send(t.Context(), pushTo(broken)); r.Outcome != channel.Refused || !r.Gone {
		t.Errorf("broken keys: %+v", r)
	}
}

// A subscription comes from a customer: it may name any address.
func TestWebPushGoesToPublicAddressesOnly(t *testing.T) {
	t.Parallel()
	p, cfg := browser(t)
	cfg.WebhookAllowPrivate = false
	c := open(t, "web_push", cfg)
	for _, endpoint := range []string{p.URL + "/push/1", "https://169.254.169.254/latest", "https://10.0.0.1/", "https://[::1]/"} {
		sub := strings.Replace(p.Subscription(), p.URL+"/push/1", endpoint, 1)
		if r := c.Send(t.Context(), pushTo(sub)); r.Outcome != channel.Refused || r.Gone || !strings.Contains(r.Reason, "private") {
			t.Errorf("%s: got %+v", endpoint, r)
		}
	}
	plain := strings.Replace(p.Subscription(), "https://", "http://", 1)
	if r := c.Send(t.Context(), pushTo(plain)); r.Outcome != channel.Refused || !strings.Contains(r.Reason, "https") {
		t.Errorf("http: got %+v", r)
	}
	if n := len(p.Messages()); n != 0 {
		t.Errorf("%d messages arrived", n)
	}
}

func TestWebPushNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	_, cfg := browser(t)
	good := cfg.Keys
	for name, value := range map[string]string{
		"TABI_WEB_PUSH_KEY": "short", "TABI_WEB_PUSH_CONTACT": "nobody",
	} {
		for _, v := range []string{"", value} {
			cfg.Keys = map[string]string{"TABI_WEB_PUSH_KEY": good["TABI_WEB_PUSH_KEY"], "TABI_WEB_PUSH_CONTACT": "a@example.com", name: v}
			if _, err := channels.Shipped().Open(cfg); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s=%s: %v", name, v, err)
			}
		}
	}
}

// In dev all messages go to the sink, whatever the customers' subscriptions are; it decrypts them, and takes a repeat once.
func TestWebPushToTheSink(t *testing.T) {
	t.Parallel()
	s := start(t, devsinks.Options{})
	key, err := webpush.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	s.SetWebPushKey(key.Public)
	cfg := channels.Config{Keys: map[string]string{
		"TABI_WEB_PUSH_KEY": key.Private, "TABI_WEB_PUSH_CONTACT": "tabi@example.com", "TABI_WEB_PUSH_URL": s.WebPushURL(),
	}}
	c := open(t, "web_push", cfg)
	m := pushTo(`{"endpoint":"https://push.example.com/a?b=1","keys":{"p256dh":"made up","auth":"too"}}`)
	for range 2 {
		if r := c.Send(t.Context(), m); r.Outcome != channel.Sent {
			t.Fatalf("got %+v", r)
		}
	}
	other := m
	other.Address = strings.Replace(m.Address, "b=1", "b=2", 1)
	c.Send(t.Context(), other)
	got := s.Pushes()
	if len(got) != 2 || got[1].To != "https://push.example.com/a?b=2" {
		t.Fatalf("got %+v", got)
	}
	if p := got[0]; p.Channel != "web_push" || p.To != "https://push.example.com/a?b=1" || p.Title != m.Fields["title"] ||
		p.Body != m.Fields["body"] || p.Link != m.Fields["link"] || p.Key != m.Key {
		t.Errorf("got %+v", p)
	}
	s.SetWebPushKey("BAnother")
	if r := c.Send(t.Context(), m); r.Outcome != channel.Refused {
		t.Errorf("with the key of another: %+v", r)
	}
	for _, bad := range []string{"sink", "ftp://x.example/?p256dh=a&auth=b", "https://x.example/push", "https://x.example/push?p256dh=a"} {
		cfg.Keys["TABI_WEB_PUSH_URL"] = bad
		if _, err := channels.Shipped().Open(cfg); err == nil || !strings.Contains(err.Error(), "TABI_WEB_PUSH_URL") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
