package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// startAsRelay starts a run as a relay does that is killed before it marks the start as delivered.
func (h *installation) startAsRelay(l outbox.Lease) (runID string, err error) {
	run, err := h.Temporal.ExecuteWorkflow(context.Background(), client.StartWorkflowOptions{
		ID: l.Enrollment.WorkflowID, TaskQueue: contract.TaskQueue,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		Memo:                                     map[string]any{contract.MemoEnrollment: l.Enrollment.ID},
		TypedSearchAttributes: temporal.NewSearchAttributes(
			temporal.NewSearchAttributeKeyKeyword(contract.AttrJourney).ValueSet(l.Enrollment.Journey),
			temporal.NewSearchAttributeKeyKeyword(contract.AttrCustomer).ValueSet(l.Enrollment.Customer),
			temporal.NewSearchAttributeKeyKeyword(contract.AttrRevision).ValueSet(l.Enrollment.Revision)),
	}, contract.JourneyType, l.Deliveries[0].Start)
	if err != nil {
		return "", err
	}
	return run.GetRunID(), nil
}

// lease leases the one pending start for a moment.
func (h *installation) lease() outbox.Lease {
	h.Helper()
	leases, err := h.Store.Outbox.Lease(context.Background(), clock.Wall(), 10, time.Millisecond)
	if err != nil || len(leases) != 1 || len(leases[0].Deliveries) == 0 || leases[0].Deliveries[0].Start == nil {
		h.Fatalf("want one lease that begins with a start, got %+v, %v", leases, err)
	}
	return leases[0]
}

// runs counts the runs under a workflow id; it waits until the visibility store shows `want` of them.
func (h *installation) runs(workflowID string, want int) {
	h.Helper()
	await(h, "the runs of "+workflowID, func() error {
		list, err := h.Temporal.ListWorkflow(
			context.Background(),
			&workflowservice.ListWorkflowExecutionsRequest{Query: `WorkflowId = "` + workflowID + `"`},
		)
		if err == nil && len(list.Executions) != want {
			err = errors.New("their number differs")
		}
		return err
	})
}

func TestRelayKilledBetweenStartAndMark(t *testing.T) {
	t.Parallel()
	h := open(t, settings{files: folder(map[string]string{"nudge.yaml": nudge}), still: true, postgres: true})

	// The run continues when the next relay delivers its start again.
	address := h.customer("ana")
	h.track("ana", "Start", "", map[string]any{"k": "1"})
	if _, err := h.startAsRelay(h.lease()); err != nil {
		t.Fatal(err)
	}
	h.worker()
	h.relay()
	h.parked("nudge/ana/1", "reply")
	h.settled()
	same(t, "mails of one start, delivered twice", h.mail.subjects(address), []string{"Hello ana"})
	h.runs("nudge/ana/1", 1)

	// The run has ended when a slow relay delivers its start again: the second run finds the enrollment closed.
	h.stop("relay")
	address = h.customer("bea")
	h.track("bea", "Start", "", map[string]any{"k": "1"})
	lease := h.lease()
	first, err := h.startAsRelay(lease)
	if err != nil {
		t.Fatal(err)
	}
	h.parked("nudge/bea/1", "reply")
	if err := h.update("nudge/bea/1", contract.ExitUpdate, contract.Command{By: "sam"}); err != nil {
		t.Fatal(err)
	}
	same(t, "the first run", h.result("nudge/bea/1", first).Outcome, contract.Cancelled)
	before := h.ended("nudge/bea/1", contract.Cancelled)
	second, err := h.startAsRelay(lease)
	if err != nil {
		t.Fatal(err)
	}
	result := h.result("nudge/bea/1", second)
	same(t, "the second run's outcome", result.Outcome, "")
	if result.Reason == "" {
		t.Error("the second run does not say why it ended")
	}
	h.relay()
	h.settled()
	same(t, "mails", h.mail.subjects(address), []string{"Hello bea"})
	same(t, "the enrollment", h.ended("nudge/bea/1", contract.Cancelled), before)
	same(t, "entries", h.entries("nudge", "bea"), 1)

	// Two relays deliver a start at once while the run is open: one run.
	h.stop("relay")
	h.customer("cleo")
	h.track("cleo", "Start", "", map[string]any{"k": "1"})
	lease = h.lease()
	if _, err := h.startAsRelay(lease); err != nil {
		t.Fatal(err)
	}
	if _, err := h.startAsRelay(lease); !temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		t.Fatalf("the second start: %v", err)
	}
}

func TestDuplicateAndLateEvents(t *testing.T) {
	t.Parallel()
	h := open(t, settings{files: folder(map[string]string{"nudge.yaml": nudge})})
	address := h.customer("ana")

	// An event that arrived before the entry and is delivered after it is no goal of the later enrollment.
	h.track("ana", "Bought", "b0", map[string]any{"k": "1", "total": 5})
	one := h.track("ana", "Start", "s1", map[string]any{"k": "1"})
	same(t, "entered", one.Receipts[0].Entered, []string{"nudge/ana/1"})
	two := h.track("ana", "Start", "s1", map[string]any{"k": "1"})
	if !two.Receipts[0].Duplicate || len(two.Receipts[0].Entered) > 0 {
		t.Errorf("the same event again: %+v", two)
	}
	h.parked("nudge/ana/1", "reply")

	// A late event with an old timestamp counts when it arrives; a batch that has it twice counts it once.
	late := map[string]any{
		"type":       "track",
		"userId":     "ana",
		"event":      "Answered",
		"messageId":  "a1",
		"timestamp":  "2026-02-01T00:00:00Z",
		"properties": map[string]any{"k": "1"},
	}
	h.call("batch", map[string]any{"batch": []any{late, late}})
	h.call("batch", map[string]any{"batch": []any{late}})
	h.parked("nudge/ana/1", "last")
	same(t, "mails", h.mail.subjects(address), []string{"Hello ana", "Again"})

	// The entry event, signaled straight to the run, is ignored; so is one that arrived by HTTP before.
	for _, e := range []contract.Event{{ID: "s1", Name: "Bought", Properties: map[string]any{"k": "1"}}, {ID: "a1", Name: "Left"},
		{ID: "b0", Name: "Bought", Properties: map[string]any{"k": "1"}}} {
		if err := h.Temporal.SignalWorkflow(context.Background(), "nudge/ana/1", "", contract.EventName, e); err != nil {
			t.Fatal(err)
		}
	}
	// A malformed event is dropped and does no harm.
	if err := h.Temporal.SignalWorkflow(context.Background(), "nudge/ana/1", "", contract.EventName, "no event"); err != nil {
		t.Fatal(err)
	}
	counts := func() int64 {
		c, err := h.Store.Analytics.Counts(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return c.Events
	}
	before := counts()
	goal := contract.Event{ID: "b1", Name: "Bought", Properties: map[string]any{"k": "1", "total": 7}}
	if err := h.Temporal.SignalWorkflow(context.Background(), "nudge/ana/1", "", contract.EventName, goal); err != nil {
		t.Fatal(err)
	}
	e := h.ended("nudge/ana/1", contract.Goal)
	same(t, "value", e.Value, 7.0)
	same(t, "events recorded", counts(), before+1)
	same(t, "the goal again, over HTTP", h.track("ana", "Bought", "b1", map[string]any{"k": "1"}).Receipts[0].Duplicate, true)
	same(t, "mails", h.mail.subjects(address), []string{"Hello ana", "Again"})
}

// What a customer did before a timeout counts before it, even if it could not be delivered to the run in time.
func TestEventBeforeTimeoutCounts(t *testing.T) {
	t.Parallel()
	h := open(t, settings{files: map[string]string{"offer.yaml": `journey: offer
entry: {event: Start}
goal: {event: Bought}
steps:
  - {id: think, wait_for: {event: Answered}, timeout: 6h}
  - exit: silence
`}})
	h.track("ana", "Start", "", nil)
	parked := h.parked("offer/ana", "think")
	h.stop("relay")
	h.track("ana", "Bought", "", nil)
	await(t, "the time-out to be over", func() error {
		if now := clock.Now(h.clock); now.Before(parked.Until) {
			return fmt.Errorf("it is %s", now)
		}
		return nil
	})
	h.relay()
	h.ended("offer/ana", contract.Goal)
}
