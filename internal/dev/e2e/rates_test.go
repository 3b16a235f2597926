package e2e

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
)

// shout is a journey of one push.
var shout = lines(
	`journey: shout`,
	`entry: {event: Start, key: event.k, reentry: always}`,
	`steps:`,
	`  - {id: ring, send: hello, via: push}`,
	`  - {id: rest, wait: 30d}`,
)

// moments records when a provider is called.
type moments struct {
	mu sync.Mutex
	at []time.Time
}

func (m *moments) note() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at = append(m.at, clock.Wall())
}

func (m *moments) all() []time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]time.Time(nil), m.at...)
}

// delivers accepts a push and records the time.
func (m *moments) delivers(w http.ResponseWriter, _ *http.Request) {
	m.note()
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"name":"projects/shop/messages/1"}`)
}

// Two workers share a rate limit: what exceeds it waits in Temporal, nothing is lost or sent twice.
func TestWorkersShareRateLimit(t *testing.T) {
	t.Parallel()
	const rate, crowd = 3, 18
	database := pgtest.URL(t)
	in := newInstall(t, folder(map[string]string{"shout.yaml": shout}))
	in.env = append(in.env, fmt.Sprintf("TABI_RATE_LIMITS=push=%d/s", rate))
	in.deploy(database)
	in.run("worker2", tabiWorker(in), "--metrics-listen", "")
	var calls moments
	for i := range crowd {
		id := fmt.Sprintf("rate%02d", i)
		in.push.answer("device-"+id, calls.delivers)
		in.customer(id)
		in.track(id, "Start", "", map[string]any{"k": "1"})
	}
	for i := range crowd {
		id := fmt.Sprintf("rate%02d", i)
		s := in.parked("shout/"+id+"/1", "rest")
		if len(s.Sends) != 1 || s.Sends[0].Status != "sent" || s.Sends[0].Unknown || s.Sends[0].Attempts != 1 ||
			in.push.tried("device-"+id) != 1 {
			t.Errorf("%s: %d tries, %+v", id, in.push.tried("device-"+id), s.Sends)
		}
	}
	at := calls.all()
	if len(at) != crowd {
		t.Fatalf("%d calls", len(at))
	}
	// A burst of a second's worth at once, then the rate; one more second for what was late.
	for i := range at {
		for j := i + 1; j < len(at); j++ {
			if most := rate + float64(rate)*(at[j].Sub(at[i]).Seconds()+1) + 1; float64(j-i+1) > most {
				t.Errorf("%d calls within %s: more than %d a second", j-i+1, at[j].Sub(at[i]), rate)
			}
		}
	}
	if took, least := at[crowd-1].Sub(at[0]), (crowd-rate)/rate*time.Second-time.Second; took < least {
		t.Errorf("%d calls took %s, want %s or more", crowd, took, least)
	}
}

// Sends that have not called the provider yet respect its Retry-After.
func TestRetryAfterHoldsForAllSends(t *testing.T) {
	t.Parallel()
	h := open(t, settings{files: folder(map[string]string{"shout.yaml": shout})})
	var refused, calls moments
	busy := problem(http.StatusServiceUnavailable, "UNAVAILABLE", "", 3)
	h.push.answer("device-one", func(w http.ResponseWriter, r *http.Request) {
		refused.note()
		busy(w, r)
	}, calls.delivers)
	h.push.answer("device-two", calls.delivers)
	for _, id := range []string{"one", "two"} {
		h.identify(id, map[string]any{"push_token": "device-" + id})
	}
	h.track("one", "Start", "", map[string]any{"k": "1"})
	await(t, "the first to be refused", func() error {
		if len(refused.all()) == 0 {
			return fmt.Errorf("not yet")
		}
		return nil
	})
	h.track("two", "Start", "", map[string]any{"k": "1"})
	h.parked("shout/one/1", "rest")
	h.parked("shout/two/1", "rest")
	at := calls.all()
	if len(at) != 2 || at[0].Sub(refused.all()[0]) < 2900*time.Millisecond {
		t.Errorf("refused at %s for 3 s, called at %s", refused.all(), at)
	}
}
