package relay

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.temporal.io/api/serviceerror"

	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// aside is an outbox that records what was set aside.
type aside struct {
	Outbox
	dead []string
}

func (*aside) Delivered(context.Context, outbox.Lease, int64) error                { return nil }
func (*aside) ReleaseLease(context.Context, outbox.Lease, string, time.Time) error { return nil }

func (a *aside) SetAside(_ context.Context, _ time.Time, l outbox.Lease, _ int64, _ string) error {
	a.dead = append(a.dead, l.Enrollment.ID)
	return nil
}

// starts serves the start of an enrollment that has failed so often before.
func starts(r *Relay, id string, attempts int) {
	r.serve(context.Background(), outbox.Lease{
		Enrollment: unit.Enrollment{ID: id, WorkflowID: "greeting/" + id}, Attempts: attempts,
		Deliveries: []outbox.Delivery{{Seq: 1, Start: &contract.Input{Enrollment: id}}},
	})
}

// What fails for one enrollment while others are delivered becomes a dead letter, also with the error of an outage.
func TestRecurringTimeoutOfOneEnrollmentBecomesDeadLetter(t *testing.T) {
	t.Parallel()
	store, temporal := &aside{}, &fake{}
	r := New(Config{Outbox: store, Client: temporal})
	temporal.start = func() error {
		if temporal.started[len(temporal.started)-1] == "bad" {
			return serviceerror.NewDeadlineExceeded("context deadline exceeded")
		}
		return nil
	}
	attempts := 0
	for ; len(store.dead) == 0 && attempts < 100; attempts++ {
		starts(r, "bad", attempts)
		starts(r, fmt.Sprint("good", attempts), 0)
	}
	if attempts != transientAttempts || store.dead[0] != "bad" {
		t.Errorf("dead after %d attempts: %v", attempts, store.dead)
	}
}

// While Temporal is away as a whole nothing becomes a dead letter, nor right after it is back.
func TestOutageMakesNoDeadLettersWhenItEnds(t *testing.T) {
	t.Parallel()
	store, temporal := &aside{}, &fake{}
	r := New(Config{Outbox: store, Client: temporal})
	away := true
	temporal.start = func() error {
		if away {
			return serviceerror.NewUnavailable("away")
		}
		return nil
	}
	for attempts := range 500 {
		starts(r, "ana", attempts)
		starts(r, "ben", attempts)
	}
	away = false
	starts(r, "ben", 500)
	away = true
	for attempts := range transientPassed {
		starts(r, "ana", 500+attempts)
	}
	if len(store.dead) > 0 {
		t.Errorf("dead: %v", store.dead)
	}
}

// Suspects, which may hold a worker until a call times out, get a quarter of the workers.
func TestSuspectsLeaveWorkersToOthers(t *testing.T) {
	t.Parallel()
	r := New(Config{Outbox: &aside{}, Workers: 8})
	for n := range suspectAfter + 1 {
		for id := range 5 {
			r.suspects.failed(fmt.Sprint("bad", id), 1, uint64(n))
		}
	}
	var free []func()
	for id := range 5 {
		if done, ok := r.suspects.admit(fmt.Sprint("bad", id)); ok {
			free = append(free, done)
		}
	}
	if _, ok := r.suspects.admit("good"); !ok || len(free) != 2 || !r.suspects.full() {
		t.Errorf("%d of 5 suspects were admitted by 8 workers, another enrollment: %t", len(free), ok)
	}
	free[0]()
	r.suspects.clear("bad4")
	if _, ok := r.suspects.admit("bad3"); !ok {
		t.Error("no suspect is admitted though one is done")
	}
}
