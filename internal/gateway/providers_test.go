package gateway

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/webhook"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// fakeReceiver takes a list of channel.Report as JSON, and answers the challenge of a GET.
type fakeReceiver struct{}

func (fakeReceiver) Receive(r *http.Request, body []byte) (in channel.Received, err error) {
	switch string(body) {
	case "not signed":
		return in, channel.ErrSignature
	case "not now":
		return in, channel.ErrUnavailable
	}
	if r.Method == http.MethodGet {
		in.Answer = r.URL.Query().Get("hub.challenge")
		return in, nil
	}
	if json.Unmarshal(body, &in.Reports) != nil {
		err = errors.New("not a list of reports")
	}
	return in, err
}

// providing is a house with a provider.
func providing(t *testing.T) *house {
	t.Helper()
	return newHouse(t, func(c *Config) { c.Receivers = map[string]webhook.Receiver{"fake": fakeReceiver{}} })
}

// report posts reports and returns the answer.
func (h *house) report(reports ...channel.Report) answer {
	h.t.Helper()
	body, err := json.Marshal(reports)
	if err != nil {
		h.t.Fatal(err)
	}
	got := h.do("POST", "/v1/providers/fake", string(body))
	if got.status != http.StatusOK {
		h.t.Fatalf("%d %s", got.status, got.body)
	}
	return got
}

// Reports become events of the customer, by the key, the provider's id, the message that is answered, or the address; each counts once,
// in whatever order they come.
func TestReportsBecomeEvents(t *testing.T) {
	t.Parallel()
	h := providing(t)
	_, ref := h.enter()
	h.identify("ana/b", `{"phone":"+81 90 1234 5678"}`)
	key := h.sent(ref, "sms", message.Settlement{Status: contract.StatusSent, ProviderID: "SM1"})
	at := instant.Add(-time.Minute)
	reports := []channel.Report{
		{Kind: channel.Read, Channel: "sms", ProviderID: "SM1", At: at.Add(2 * time.Second)},
		{Kind: channel.Delivered, Channel: "sms", ProviderID: "SM1", At: at},
		{Kind: channel.Clicked, Channel: "sms", Key: key, URL: "https://shop.example.com", At: at},
		{Kind: channel.Failed, Channel: "sms", ProviderID: "SM1", Reason: "30008 unknown error", At: at},
		{ID: "r1", Kind: channel.Replied, Channel: "sms", Address: "+81-90-1234-5678", Text: "Where is it?", At: at},
		{ID: "r2", Kind: channel.Replied, Channel: "sms", Address: "+819012345678", InReplyTo: "SM1", Text: "Hello?", At: at},
		{ID: "r3", Kind: channel.Replied, Channel: "sms", Address: "+819099999999", Text: "Wrong number", At: at},
		{Kind: channel.Opened, Channel: "sms", ProviderID: "SM1", Machine: true, At: at},
		{Kind: channel.Delivered, Channel: "sms", ProviderID: "not ours", At: at},
	}
	before := h.stored()
	for range 2 {
		got := h.report(reports...)
		if !strings.Contains(got.body, `"accepted":6`) || strings.Count(got.body, `"index"`) != 3 {
			t.Fatal(got.body)
		}
		if n := h.stored() - before; n != 6 {
			t.Errorf("%d events are stored", n)
		}
		slices.Reverse(reports)
	}
	found := map[string]string{}
	for _, e := range h.events("ana/b") {
		found[e.Title] += mustJSON(t, e.Detail)
	}
	for name, want := range map[string]string{
		"Message Read": `"key":"` + key, "Message Delivered": `"step":"note"`, "SMS Link Clicked": `"url":"https://shop.example.com"`,
		"Message Failed": `30008`, "Message Received": `"text":"Where is it?"`,
	} {
		if !strings.Contains(found[name], want) {
			t.Errorf("%s lacks %s: %s", name, want, found[name])
		}
	}
	if strings.Contains(found["Message Received"], "90123") || !strings.Contains(found["Message Received"], `"in_reply_to":"SM1"`) {
		t.Errorf("a reply is %s", found["Message Received"])
	}
	metrics := h.do("GET", "/metrics", "", "Authorization: Bearer "+adminToken).body
	for _, want := range []string{`provider_reports_total{provider="fake",result="accepted"} 12`, `result="ignored"} 6`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

// A block is an opt-out of the channel, and of the address for whoever has it; a customer who follows again has opted in. A hard bounce
// kills the address, a soft one does not.
func TestReportsChangeWhatIsPermitted(t *testing.T) {
	t.Parallel()
	h := providing(t)
	_, ref := h.enter()
	h.identify("ana/b", `{"phone":"+819012345678"}`)
	h.sent(ref, "sms", message.Settlement{Status: contract.StatusSent, ProviderID: "SM1"})
	consent := func() any {
		c, _ := h.customer("ana/b").Traits["consent"].(map[string]any)
		return c["sms"]
	}
	h.report(channel.Report{ID: "b1", Kind: channel.Blocked, Channel: "sms", Address: "+819012345678", At: instant})
	if c := h.customer("ana/b"); consent() != false || len(c.OptedOut) != 1 {
		t.Errorf("after a block: consent %v, opted out %v", consent(), c.OptedOut)
	}
	h.report(channel.Report{ID: "f1", Kind: channel.Followed, Channel: "sms", Address: "+819012345678", At: instant})
	if c := h.customer("ana/b"); consent() != true || len(c.OptedOut) != 0 {
		t.Errorf("after a follow: consent %v, opted out %v", consent(), c.OptedOut)
	}
	h.report(channel.Report{Kind: channel.Bounced, Channel: "sms", ProviderID: "SM1", Class: channel.Soft, At: instant})
	if c := h.customer("ana/b"); len(c.Bounced) != 0 {
		t.Errorf("after a soft bounce: %v", c.Bounced)
	}
	h.report(channel.Report{Kind: channel.Bounced, Channel: "sms", ProviderID: "SM1", Class: channel.Hard, Reason: "30005", At: instant})
	if c := h.customer("ana/b"); c.Bounced["+819012345678"] == "" {
		t.Errorf("after a hard bounce: %v", c.Bounced)
	}
	later := instant.Add(time.Second) // than the message that bounced
	h.g.Now = func() time.Time { return later.Add(time.Second) }
	h.report(channel.Report{ID: "r9", Kind: channel.Replied, Channel: "sms", Address: "+819012345678", Text: "I am here", At: later})
	if c := h.customer("ana/b"); len(c.Bounced) != 0 {
		t.Errorf("who writes from a number is reached there: %v", c.Bounced)
	}
}

// What cannot be believed, read or stored now is answered so that a provider repeats what it should.
func TestReportsThatAreNotAccepted(t *testing.T) {
	t.Parallel()
	h := providing(t)
	for body, want := range map[string]int{
		"not signed": 401, "not now": 503, "not JSON": 400, strings.Repeat(" ", 3<<20): 413,
	} {
		if got := h.do("POST", "/v1/providers/fake", body); got.status != want || strings.Contains(got.body, `"message":" `) {
			t.Errorf("%.20q: %d %s, want %d", body, got.status, got.body, want)
		}
	}
	if got := h.do("GET", "/v1/providers/fake?hub.challenge=42", ""); got.body != "42" ||
		!strings.HasPrefix(got.header.Get("Content-Type"), "text/plain") {
		t.Errorf("the challenge is answered %q, %v", got.body, got.header)
	}
	// A batch of more reports than the gateway takes calls at once is stored in parts.
	_, ref := h.enter()
	key := h.sent(ref, "email", message.Settlement{Status: contract.StatusSent})
	var many []channel.Report
	for i := range 2500 {
		many = append(many, channel.Report{ID: strconv.Itoa(i), Kind: channel.Opened, Channel: "email", Key: key, At: instant})
	}
	before := h.stored()
	h.report(many...)
	if n := h.stored() - before; n != 2500 {
		t.Errorf("%d events of 2500 reports", n)
	}
}

// What a provider should never report costs the report at most: nothing that the store cannot keep, and no time that cannot be written.
func TestOddReports(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		var next channel.Report
		h := newHouse(s.T, func(c *Config) {
			c.Rooms, c.Ping = roomsOf(s.Engine), s.Database.Ping
			c.Receivers = map[string]webhook.Receiver{"fake": provider.Receive(func(*http.Request, []byte) (channel.Received, error) {
				return channel.Received{Reports: []channel.Report{next}}, nil
			})}
		})
		h.store = s.Engine
		_, ref := h.enter()
		h.identify("ana/b", `{"phone":"+819012345678"}`)
		key := h.sent(ref, "sms", message.Settlement{Status: contract.StatusSent, ProviderID: "SM1"})
		for n, c := range []struct {
			what     string
			report   channel.Report
			accepted bool
		}{
			{"a key with NUL", channel.Report{Key: "a\x00b"}, false},
			{"a key that is no UTF-8", channel.Report{Key: "a\xff"}, false},
			{"an id with NUL", channel.Report{ProviderID: "a\x00b"}, false},
			{"an address with NUL", channel.Report{Kind: channel.Replied, Address: "+81\x0090\xff", Text: "x"}, false},
			{"a text with NUL and half a character", channel.Report{
				Kind: channel.Replied, ProviderID: "SM1", Text: "odd\x00\xed\xa0\x80", Form: "\x00"}, true},
			{"a long text", channel.Report{Kind: channel.Replied, ProviderID: "SM1", Text: strings.Repeat("語", 70_000)}, true},
			{"the end of time", channel.Report{ProviderID: "SM1", At: time.UnixMilli(math.MaxInt64)}, true},
			{"before all time", channel.Report{ProviderID: "SM1", At: time.UnixMilli(math.MinInt64)}, true},
			{"the year -5", channel.Report{ProviderID: "SM1", At: time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC)}, true},
			{"1970", channel.Report{ProviderID: "SM1", At: time.Unix(0, 0)}, true},
			{"a key of another channel", channel.Report{Channel: "email", Kind: channel.Bounced, Class: channel.Hard, Key: key}, false},
		} {
			next = c.report
			next.ID = strconv.Itoa(n)
			if next.Channel == "" {
				next.Channel = "sms"
			}
			if next.Kind == "" {
				next.Kind = channel.Delivered
			}
			got := h.do("POST", "/v1/providers/fake", "")
			if got.status != http.StatusOK || strings.Contains(got.body, `"accepted":1`) != c.accepted {
				t.Errorf("%s: %d %s", c.what, got.status, got.body)
			}
		}
		if c := h.customer("ana/b"); len(c.Bounced) != 0 {
			t.Errorf("dead: %v", c.Bounced)
		}
		for _, e := range h.events("ana/b") {
			if !e.At.Equal(instant) {
				t.Errorf("%s is of %s", e.Title, e.At)
			}
		}
	})
}
