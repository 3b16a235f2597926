package relay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"github.com/tabi-journeys/tabi/internal/cluster"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/outbox"
)

// home is a Temporal that may be another one.
type home struct {
	stranger atomic.Bool
	checked  atomic.Int64
}

func (h *home) Verified(context.Context) error {
	if h.stranger.Load() {
		return &cluster.StrangerError{}
	}
	return nil
}

func (h *home) Check(ctx context.Context) error {
	h.checked.Add(1)
	return h.Verified(ctx)
}

// Temporal is replaced by an empty one between two deliveries: what comes to a run that is "not found" there stays in
// the outbox, and arrives once the right one is back.
func TestStrangerTakesNothingFromTheOutbox(t *testing.T) {
	b := setup(t)
	where := &home{}
	b.relay.cfg.Home = where
	b.event("e1", "Hello", map[string]any{"n": "1"})
	b.play("the start to be delivered", b.settled)
	b.fake.update = func(context.Context, string) error {
		where.stranger.Store(true)
		return serviceerror.NewNotFound("no run")
	}
	b.event("a1", "Answer", nil)
	b.event("e2", "Hello", map[string]any{"n": "2"})
	b.play("the stranger to be noticed", func() bool { return where.checked.Load() > 0 })
	pending := b.pending()
	if pending == 0 {
		t.Fatal("an event was lost to a stranger")
	}
	b.fake.mu.Lock()
	started := len(b.fake.started)
	b.fake.update = nil
	b.fake.mu.Unlock()
	where.stranger.Store(false)
	b.play("the rest to be delivered", b.settled)
	if got := len(b.fake.seen(&b.fake.started)); got < 2 || got < started {
		t.Errorf("started %d runs", got)
	}
}

// An event for a run that has ended meanwhile needs no delivery: its enrollment is closed.
func TestEventForAnEndedRunIsDropped(t *testing.T) {
	for _, signaled := range []bool{false, true} {
		t.Run(fmt.Sprint("by signal: ", signaled), func(t *testing.T) {
			b := setup(t)
			b.event("e1", "Hello", map[string]any{"n": "1"})
			b.play("the start to be delivered", b.settled)
			ends := func() error {
				list, err := b.store.Enrollments.List(t.Context(), enrollment.Filter{Customer: "ana"})
				if err == nil {
					_, err = b.store.Enrollments.CloseLost(t.Context(), at, list[0].ID, "completed", "ran to the end of its path")
				}
				return errors.Join(err, serviceerror.NewNotFound("ended"))
			}
			b.fake.update, b.fake.signal = func(context.Context, string) error { return ends() }, ends
			if signaled {
				b.fake.update = func(context.Context, string) error { return serviceerror.NewWorkflowNotReady("task failure") }
			}
			b.event("a1", "Answer", nil)
			b.play("the event to be dropped", b.settled)
		})
	}
}

// An event for an open enrollment whose run is not there waits until the enrollment is closed or begun again.
func TestEventForAMissingRunStays(t *testing.T) {
	b := setup(t)
	b.event("e1", "Hello", map[string]any{"n": "1"})
	b.play("the start to be delivered", b.settled)
	b.fake.update = func(context.Context, string) error { return serviceerror.NewNotFound("no run") }
	b.event("a1", "Answer", nil)
	b.play("the event to be tried", func() bool { return len(b.fake.seen(&b.fake.updated)) > 0 })
	list, err := b.store.Enrollments.List(t.Context(), enrollment.Filter{Customer: "ana"})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if b.pending() == 0 || !strings.Contains(list[0].DeliveryError, "tabi reconcile") {
		t.Errorf("%d pending, last error %q", b.pending(), list[0].DeliveryError)
	}
}

// A workflow that is no enrollment holds the address: the start becomes a dead letter that says so.
func TestForeignWorkflowAtTheAddressMakesADeadLetter(t *testing.T) {
	b := setup(t)
	b.fake.start = func() error { return serviceerror.NewWorkflowExecutionAlreadyStarted("there", "", "") }
	address := b.event("e1", "Hello", map[string]any{"n": "1"}).Entered[0]
	squatter := run("", enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING)
	squatter.Type, squatter.Memo = &commonpb.WorkflowType{Name: "Squatter"}, nil
	b.fake.runs[address] = squatter
	b.relay.lastSuccess.Store(at.AddDate(100, 0, 0).UnixMilli()) // others are delivered
	var dead []outbox.DeadLetter
	b.play("the start to become a dead letter", func() bool {
		var err error
		dead, err = b.store.Outbox.DeadLetters(t.Context(), outbox.DeadLetterFilter{})
		return err == nil && len(dead) > 0
	})
	if dead[0].Kind != outbox.DeadLetterStart || !strings.Contains(dead[0].Error, `"Squatter"`) {
		t.Errorf("%+v", dead[0])
	}
}

// A run of an enrollment that the store does not know holds the address: the entry waits, and says what to do.
func TestOrphanAtTheAddressIsNamed(t *testing.T) {
	b := setup(t)
	b.fake.start = func() error { return serviceerror.NewWorkflowExecutionAlreadyStarted("there", "", "") }
	address := b.event("e1", "Hello", map[string]any{"n": "1"}).Entered[0]
	b.fake.runs[address] = run("01UNKNOWN", enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING)
	b.play("the entry to say so", func() bool {
		list, err := b.store.Enrollments.List(t.Context(), enrollment.Filter{Customer: "ana"})
		return err == nil && strings.Contains(list[0].DeliveryError, "--terminate-orphans")
	})
	for _, err := range []error{fmt.Errorf("%w (enrollment 01X)", errOrphan), errRunMissing, errAddressTaken, &cluster.StrangerError{}} {
		if b.relay.isDead(10_000, 10_000, err) {
			t.Errorf("%v would make a dead letter", err)
		}
	}
}
