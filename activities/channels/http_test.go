package channels_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/channeltest"
)

// receiver is a receiver of signed calls that can be made to fail.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    map[string][]call
	answer func(w http.ResponseWriter, r *http.Request)
	hung   chan struct{}
	done   chan struct{}
}

// call is one call.
type call struct {
	header http.Header
	body   string
}

// newReceiver starts a receiver that checks each call against all of the secrets.
func newReceiver(t *testing.T, secrets ...string) *receiver {
	t.Helper()
	r := &receiver{got: map[string][]call{}, hung: make(chan struct{}, 1), done: make(chan struct{})}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		for _, s := range secrets {
			wh, err := standardwebhooks.NewWebhook(s)
			if err != nil || wh.Verify(body, req.Header) != nil {
				http.Error(w, "bad signature", http.StatusUnauthorized)
				return
			}
		}
		r.mu.Lock()
		id := req.Header.Get("webhook-id")
		r.got[id] = append(r.got[id], call{req.Header.Clone(), string(body)})
		answer := r.answer
		r.mu.Unlock()
		if answer != nil {
			answer(w, req)
		}
	}))
	t.Cleanup(func() {
		close(r.done)
		r.Close()
	})
	return r
}

// answers sets what the receiver does; nil: 200.
func (r *receiver) answers(f func(w http.ResponseWriter, r *http.Request)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

// code makes the receiver answer with a status.
func (r *receiver) code(status int) func() {
	return func() { r.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }) }
}

// hang makes the receiver not answer.
func (r *receiver) hang() {
	r.answers(func(_ http.ResponseWriter, req *http.Request) {
		r.hung <- struct{}{}
		select {
		case <-r.done:
		case <-req.Context().Done():
		}
	})
}

// calls are the calls with an id.
func (r *receiver) calls(id string) []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got[id]
}

// provider is the receiver as the suite wants it.
func (r *receiver) provider(open func(t *testing.T) channel.Channel, m channel.Message) channeltest.Provider {
	return channeltest.Provider{
		Open: open, Message: m,
		Received: func(key string) int { return len(r.calls(strings.ReplaceAll(key, ".", "%2E"))) },
		Refuse:   r.code(http.StatusBadRequest), NotNow: r.code(http.StatusServiceUnavailable),
		LoseAnswer: func() { r.answers(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }) },
		Hang:       r.hang, Hung: r.hung, Clear: func() { r.answers(nil) },
	}
}

func TestSMSConforms(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, secret)
	m := channel.Message{Address: "+81 90-1234-5678", Fields: map[string]string{"text": "荷物が届きました"}}
	open := func(t *testing.T) channel.Channel {
		return open(t, "sms", channels.Config{SMSURL: r.URL + "/send", SMSSecret: secret})
	}
	channeltest.Exercise(t, r.provider(open, m))
}

func TestSMSContent(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, secret)
	c := open(t, "sms", channels.Config{SMSURL: r.URL, SMSSecret: secret})
	r.answers(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"id":"SM1"}`) })
	m := channel.Message{Key: "e1/text/1", Address: "+81 90-1234-5678", Fields: map[string]string{"text": "こんにちは"}}
	if got := c.Send(t.Context(), m); got.Outcome != channel.Sent || got.ProviderID != "SM1" {
		t.Fatalf("got %+v", got)
	}
	call := r.calls("e1/text/1")[0]
	var body map[string]string
	if err := json.Unmarshal([]byte(call.body), &body); err != nil || body["to"] != "+819012345678" || body["text"] != "こんにちは" ||
		body["key"] != m.Key {
		t.Errorf("got body %s (%v)", call.body, err)
	}
	if id := call.header.Get("Idempotency-Key"); id != m.Key {
		t.Errorf("got Idempotency-Key %q", id)
	}
	r.code(http.StatusGone)()
	if got := c.Send(t.Context(), m); got.Outcome != channel.Refused || !got.Gone {
		t.Errorf("410: got %+v", got)
	}
	for body, gone := range map[string]bool{
		`{"code":21211,"message":"Invalid 'To' Phone Number"}`: true, `{"error":"unknown_subscriber"}`: true,
		`{"error":{"code":"landline"}}`: true, `{"error":"opted_out"}`: false, `{"error":"text_too_long"}`: false, `not JSON`: false,
	} {
		r.answers(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, body)
		})
		if got := c.Send(t.Context(), m); got.Outcome != channel.Refused || got.Gone != gone {
			t.Errorf("%s: got %+v", body, got)
		}
	}
	m.Address = "090-1234-5678"
	if got := c.Send(t.Context(), m); got.Outcome != channel.Refused || got.Gone {
		t.Errorf("a national number: got %+v", got)
	}
	wrong := open(t, "sms", channels.Config{SMSURL: r.URL, SMSSecret: "whsec_" + strings.Repeat("AAAA", 8)})
	m.Address = "+819012345678"
	if got := wrong.Send(t.Context(), m); got.Outcome != channel.NotSent || !strings.Contains(got.Reason, "TABI_SMS_SECRET") {
		t.Errorf("with a wrong secret: %+v", got)
	}
}

func hook(url, body string) channel.Message {
	return channel.Message{Key: "e1/hook/1", Fields: map[string]string{"url": url, "body": body}}
}

func TestWebhookConforms(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, secret)
	open := func(t *testing.T) channel.Channel {
		return open(t, "webhook", channels.Config{WebhookSecret: secret, WebhookAllowPrivate: true})
	}
	channeltest.Exercise(t, r.provider(open, hook(r.URL+"/hook?customer=ana", `{"hello":"旅"}`)))
}

func TestWebhookSignsWithEverySecret(t *testing.T) {
	t.Parallel()
	next := "whsec_" + strings.Repeat("QUJD", 10)
	r := newReceiver(t, secret, next)
	c := open(t, "webhook", channels.Config{WebhookSecret: secret + ", " + next, WebhookAllowPrivate: true})
	for body, kind := range map[string]string{`{"a":1}`: "application/json", "hello": "text/plain; charset=utf-8",
		"": "text/plain; charset=utf-8"} {
		m := hook(r.URL, body)
		m.Key = fmt.Sprintf("e1/hook/%d", len(body))
		if got := c.Send(t.Context(), m); got.Outcome != channel.Sent {
			t.Fatalf("got %+v", got)
		}
		if call := r.calls(m.Key)[0]; call.body != body || call.header.Get("Content-Type") != kind {
			t.Errorf("got %q as %s", call.body, call.header.Get("Content-Type"))
		}
	}
}

func TestWebhookOutcomeByStatus(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, secret)
	c := open(t, "webhook", channels.Config{WebhookSecret: secret, WebhookAllowPrivate: true})
	for _, test := range []struct {
		status int
		after  string
		want   channel.Outcome
		retry  time.Duration
	}{
		{200, "", channel.Sent, 0}, {204, "", channel.Sent, 0}, {301, "", channel.Refused, 0}, {400, "", channel.Refused, 0},
		{404, "", channel.Refused, 0},
		{408, "", channel.NotSent, 0}, {410, "5", channel.Refused, 0}, {429, "30", channel.NotSent, 30 * time.Second},
		{500, "", channel.NotSent, 0},
		{502, "", channel.Unknown, 0}, {503, "x", channel.NotSent, 0}, {504, "", channel.Unknown, 0},
	} {
		r.answers(func(w http.ResponseWriter, _ *http.Request) {
			if test.after != "" {
				w.Header().Set("Retry-After", test.after)
			}
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(test.status)
		})
		if got := c.Send(t.Context(), hook(r.URL, "x")); got.Outcome != test.want || got.RetryAfter != test.retry ||
			got.Busy != (test.retry > 0) {
			t.Errorf("%d: got %+v, want %s after %s", test.status, got, test.want, test.retry)
		}
	}
}

func TestWebhookGoesToPublicAddressesOnly(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, secret)
	c := open(t, "webhook", channels.Config{WebhookSecret: secret})
	port := r.URL[strings.LastIndexByte(r.URL, ':'):]
	for _, url := range []string{
		r.URL, "http://localhost" + port, "http://[::1]" + port, "http://[::ffff:127.0.0.1]" + port, "http://0.0.0.0" + port,
		"http://169.254.169.254/latest/meta-data",
		"http://10.0.0.1/", "http://192.168.1.1/", "http://172.16.0.1/", "http://100.64.0.1/", "http://[fd00::1]/", "http://[fe80::1]/",
		"http://[64:ff9b::7f00:1]/",
		"http://[2002:7f00:1::]/", "http://224.0.0.1/", "http://255.255.255.255/",
	} {
		if got := c.Send(t.Context(), hook(url, "x")); got.Outcome != channel.Refused || !strings.Contains(got.Reason, "private") {
			t.Errorf("%s: got %+v", url, got)
		}
	}
	if n := len(r.calls("e1/hook/1")); n != 0 {
		t.Errorf("%d calls arrived", n)
	}
	for _, url := range []string{"file:///etc/passwd", "ftp://example.com/", "example.com", "http://", "://", "http://exa mple.com/",
		"http://%zz/"} {
		if got := c.Send(t.Context(), hook(url, "x")); got.Outcome != channel.Refused {
			t.Errorf("%s: got %+v", url, got)
		}
	}
	open := open(t, "webhook", channels.Config{WebhookSecret: secret, WebhookAllowPrivate: true})
	if got := open.Send(t.Context(), hook("http://127.0.0.1:1/?customer=secret-ana", "x")); got.Outcome != channel.NotSent ||
		strings.Contains(got.Reason, "ana") {
		t.Errorf("a closed port: got %+v", got)
	}
}

func TestWebhookEndsAtItsOwnTimeout(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, secret)
	r.hang()
	c := open(t, "webhook", channels.Config{WebhookSecret: secret, WebhookAllowPrivate: true, Timeout: 50 * time.Millisecond})
	if got := c.Send(context.WithoutCancel(t.Context()), hook(r.URL, "x")); got.Outcome != channel.Unknown {
		t.Errorf("got %+v", got)
	}
}
