package slack_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tabi-journeys/tabi/activities/channels/provider"
	"github.com/tabi-journeys/tabi/internal/handoff"
	"github.com/tabi-journeys/tabi/internal/slack"
)

// workspace speaks Slack's chat.postMessage and chat.update.
type workspace struct {
	*httptest.Server
	mu       sync.Mutex
	said     []string // method, channel, ts and text
	answer   string   // "": the message is accepted; else the error
	limit    string   // Retry-After of a 429
	messages int
}

func newWorkspace(t *testing.T) *workspace {
	w := &workspace{}
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		var in struct{ Channel, TS, Text string }
		_ = json.NewDecoder(r.Body).Decode(&in)
		rw.Header().Set("Content-Type", "application/json")
		answer := func(v map[string]any) { _ = json.NewEncoder(rw).Encode(v) }
		switch {
		case r.Header.Get("Authorization") != "Bearer xoxb-1":
			answer(map[string]any{"ok": false, "error": "invalid_auth"})
		case w.limit != "":
			rw.Header().Set("Retry-After", w.limit)
			rw.WriteHeader(http.StatusTooManyRequests)
			answer(map[string]any{"ok": false, "error": "ratelimited"})
		case w.answer == "500":
			rw.WriteHeader(http.StatusInternalServerError)
		case w.answer != "":
			answer(map[string]any{"ok": false, "error": w.answer})
		default:
			ts := in.TS
			if ts == "" {
				w.messages++
				ts = "1503435956.00024" + string(rune('0'+w.messages))
			}
			w.said = append(w.said, strings.TrimSpace(r.URL.Path+" "+in.Channel+" "+in.TS)+": "+in.Text)
			answer(map[string]any{"ok": true, "channel": in.Channel, "ts": ts})
		}
	}))
	t.Cleanup(w.Close)
	return w
}

// shelf keeps notices as the room does.
type shelf struct{ all []*handoff.Notice }

func (s *shelf) Unnoticed(_ context.Context, _ time.Time, limit int) (out []handoff.Notice, err error) {
	for _, n := range s.all {
		if n.Told != n.State && (n.Ref != "" || n.State == handoff.HandoffOpen) && len(out) < limit {
			out = append(out, *n)
		}
	}
	return out, nil
}

func (s *shelf) Noticed(_ context.Context, id, before, state, ref string) (bool, error) {
	for _, n := range s.all {
		if n.ID == id && n.Told == before {
			n.Told, n.Ref = state, ref
			return true, nil
		}
	}
	return false, nil
}

var now = time.Date(2026, 3, 2, 14, 2, 0, 0, time.UTC)

func waiting(id, queue string) *handoff.Notice {
	return &handoff.Notice{Handoff: handoff.Handoff{
		ID: id, Queue: queue, Journey: "care", Priority: "high", Customer: "ana@example.com", Note: "Ana <ana@example.com>\nwrote",
		State: handoff.HandoffOpen, OpenedAt: now, Outcomes: []string{"refunded"},
	}}
}

func notifier(t *testing.T, w *workspace, s *shelf, keys provider.Keys) (*slack.Notifier, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	all := provider.Keys{slack.Token: "xoxb-1", slack.Channels: "support=C1, *=C2", slack.URL: w.URL}
	for name, value := range keys {
		all[name] = value
	}
	n, err := slack.New(all, s, "https://tabi.example.com/", zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	return n, logs
}

func notify(t *testing.T, n *slack.Notifier) {
	t.Helper()
	if _, err := n.Notify(t.Context(), now); err != nil {
		t.Fatal(err)
	}
}

// A hand-off is one message in the channel of its queue, which is written over as it goes on, and says nothing of the customer.
func TestHandoffIsOneMessage(t *testing.T) {
	t.Parallel()
	w, s := newWorkspace(t), &shelf{all: []*handoff.Notice{waiting("e1/call/1", "support"), waiting("e2/call/1", "sales & more")}}
	n, _ := notifier(t, w, s, nil)
	notify(t, n)
	notify(t, n)
	one := s.all[0]
	one.State, one.Agent = handoff.HandoffClaimed, "Kim"
	notify(t, n)
	one.State, one.Agent, one.Acts = handoff.HandoffOpen, "", []handoff.Act{{Kind: handoff.ActReleased, Agent: "Kim"}}
	notify(t, n)
	one.State, one.Agent, one.Outcome = handoff.HandoffResolved, "Bob", "refunded"
	notify(t, n)
	s.all[1].State, s.all[1].Outcome = handoff.HandoffResolved, "called Ana back"
	notify(t, n)
	const link = " · journey care · <https://tabi.example.com/inbox/e1%2Fcall%2F1|open in the inbox>"
	want := []string{
		"/chat.postMessage C1: *support* · high · a customer waits, since 14:02 UTC" + link,
		"/chat.postMessage C2: *sales &amp; more* · high · a customer waits, since 14:02 UTC" + strings.Replace(link, "e1", "e2", 1),
		"/chat.update C1 1503435956.000241: *support* · high · Kim has it" + link,
		"/chat.update C1 1503435956.000241: *support* · high · a customer waits again, after Kim, since 14:02 UTC" + link,
		"/chat.update C1 1503435956.000241: *support* · high · resolved as refunded by Bob · journey care",
		"/chat.update C2 1503435956.000242: *sales &amp; more* · high · resolved · journey care",
	}
	if got := strings.Join(w.said, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func TestSummaryIsSaidWhereItIsSwitchedOn(t *testing.T) {
	t.Parallel()
	w, s := newWorkspace(t), &shelf{all: []*handoff.Notice{waiting("e1", "support")}}
	n, _ := notifier(t, w, s, provider.Keys{slack.Summary: "true"})
	notify(t, n)
	if got := w.said[0]; !strings.HasSuffix(got, "\n>Ana &lt;ana@example.com&gt;\n>wrote") {
		t.Errorf("got %s", got)
	}
}

// What Slack does not take now is told later; what it never takes is logged once, and dropped.
func TestSlackRefuses(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"invalid_auth", "internal_error", "500"} {
		w, s := newWorkspace(t), &shelf{all: []*handoff.Notice{waiting("e1", "support")}}
		n, _ := notifier(t, w, s, nil)
		w.answer = answer
		if _, err := n.Notify(t.Context(), now); err == nil || !strings.Contains(err.Error(), strings.TrimSuffix(answer, "00")) {
			t.Errorf("%s: got %v", answer, err)
		}
		if one := s.all[0]; one.Told != "" || one.Ref != "" {
			t.Errorf("%s: it counts as told: %+v", answer, one)
		}
		notify(t, n) // Slack is left alone for a while
		w.answer = ""
		n, _ = notifier(t, w, s, nil) // another process
		notify(t, n)
		if len(w.said) != 1 {
			t.Errorf("%s: told %d times", answer, len(w.said))
		}
	}
	w, s := newWorkspace(t), &shelf{all: []*handoff.Notice{waiting("e1", "support"), waiting("e2", "support"), waiting("e3", "sales")}}
	n, logs := notifier(t, w, s, nil)
	w.answer = "channel_not_found"
	notify(t, n)
	w.answer = ""
	notify(t, n)
	if got := logs.FilterField(zap.String("error", "channel_not_found")).Len(); got != 2 || len(w.said) != 0 {
		t.Errorf("logged %d times, told %v", got, w.said)
	}
	s.all = []*handoff.Notice{waiting("e4", "support")}
	w.limit = "7"
	if _, err := n.Notify(t.Context(), now); err == nil || !strings.Contains(err.Error(), "ratelimited") {
		t.Errorf("got %v", err)
	}
	w.limit = ""
	notify(t, n)
	if len(w.said) != 0 {
		t.Error("Slack is asked before the time that it named")
	}
}

func TestQueueWithoutAChannel(t *testing.T) {
	t.Parallel()
	w, s := newWorkspace(t), &shelf{all: []*handoff.Notice{waiting("e1", "sales"), waiting("e2", "sales")}}
	n, logs := notifier(t, w, s, provider.Keys{slack.Channels: "support=C1"})
	notify(t, n)
	if len(w.said) != 0 || logs.FilterField(zap.String("queue", "sales")).Len() != 1 {
		t.Errorf("said %v, logged %v", w.said, logs.All())
	}
}

func TestSlackSettings(t *testing.T) {
	t.Parallel()
	if n, err := slack.New(provider.Keys{}, nil, "", nil); n != nil || err != nil {
		t.Errorf("got %v %v", n, err)
	}
	for want, keys := range map[string]provider.Keys{
		slack.Token:    {slack.Channels: "a=b"},
		slack.Channels: {slack.Token: "xoxb-1"},
		"is a list":    {slack.Token: "xoxb-1", slack.Channels: "C1"},
		slack.Summary:  {slack.Token: "xoxb-1", slack.Channels: "a=b", slack.Summary: "yes"},
		slack.URL:      {slack.Token: "xoxb-1", slack.Channels: "a=b", slack.URL: "slack.com"},
	} {
		if _, err := slack.New(keys, nil, "", zap.NewNop()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
}
