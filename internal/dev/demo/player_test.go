package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/clock"
)

// fakeGateway answers the status of each workflow id that it knows.
func fakeGateway(t *testing.T, known map[string]api.Status) *player {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := strings.CutPrefix(r.URL.Path, "/v1/admin/enrollments/")
		status, ok := known[id]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(status)
	}))
	t.Cleanup(s.Close)
	return &player{gateway: s.URL, scale: 1800, began: clock.Wall(), seen: map[string]*progress{}}
}

func TestDemoKnowsWhenAllHaveEnded(t *testing.T) {
	t.Parallel()
	known := map[string]api.Status{}
	w := fakeGateway(t, known)
	for _, run := range runs {
		w.look(t.Context())
		if w.told() {
			t.Fatalf("all have ended before %s has", run.workflow)
		}
		known[run.workflow] = api.Status{
			Enrollment: api.Enrollment{EnteredAt: origin.Add(time.Hour), State: "closed", Outcome: run.outcome, Reason: "by step x"},
			Sends:      []api.Send{{Key: run.workflow + "/hello/1", Message: "hello", Channel: "email", Status: "sent"}},
		}
	}
	w.look(t.Context())
	if !w.told() {
		t.Error("all have ended, and the demo does not know it")
	}
	if key := runs[0].workflow + "/hello/1"; !w.toldSent(key) {
		t.Errorf("send %s was not seen", key)
	}
}

// The first entry sets the clock: the event that caused it was sent at that virtual time.
func TestFirstEntrySetsTheClock(t *testing.T) {
	t.Parallel()
	w := &player{scale: 60, first: clock.Wall()}
	w.set(origin.Add(time.Hour))
	if got := w.clock(); got != "Mon 10:00" && got != "Mon 10:01" {
		t.Errorf("the clock shows %s, want Mon 10:00", got)
	}
	began := w.began
	if w.set(origin.Add(5 * time.Hour)); w.began != began {
		t.Error("a later entry set the clock again")
	}
}

func Example_short() {
	fmt.Println(short(map[string]any{"total": 120, "cart_id": "k1", "items": []any{"Lamp"}}))
	// Output: cart_id=k1, total=120
}
