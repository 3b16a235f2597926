package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"testing"

	"go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/tabi-journeys/tabi/internal/background"
	"github.com/tabi-journeys/tabi/internal/handoff"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// A run terminated in Temporal reports nothing; the reconciler closes its enrollment and releases its resources.
func TestTerminatedRunReleasesResources(t *testing.T) {
	t.Parallel()
	h := open(t, settings{files: folder(map[string]string{"care.yaml": care, "offer.yaml": offer}), postgres: true})
	ctx := context.Background()
	address := h.customer("ana")
	h.track("ana", "Trouble", "", map[string]any{"text": "help"})
	h.parked("care/ana", "person")

	// While an agent has her, she gets no offers and does not enter twice.
	h.track("ana", "Offered", "", nil)
	h.ended("offer/ana", "blocked")
	same(t, "entered while open", h.track("ana", "Trouble", "", nil).Receipts[0].Entered, []string(nil))

	if err := h.Temporal.TerminateWorkflow(ctx, "care/ana", "", "by hand"); err != nil {
		t.Fatal(err)
	}
	report := h.reconcile()
	if len(report.Closed) != 1 || report.Closed[0].WorkflowID != "care/ana" {
		t.Fatalf("the reconciler reports %+v", report)
	}
	h.ended("care/ana", contract.Cancelled)
	open, err := h.Store.Handoffs.List(ctx, handoff.Filter{Customer: "ana"})
	if err != nil || len(open) > 0 {
		t.Errorf("hand-offs still open: %+v, %v", open, err)
	}
	withdrawn, err := h.Store.Handoffs.List(ctx, handoff.Filter{Customer: "ana", State: handoff.HandoffWithdrawn})
	if err != nil || len(withdrawn) != 1 || withdrawn[0].Reason == "" {
		t.Errorf("withdrawn hand-offs: %+v, %v", withdrawn, err)
	}
	h.track("ana", "Offered", "", nil)
	await(t, "marketing again", func() error { return wantMails(h, address, "Hello ana") })
	same(t, "entered again", h.track("ana", "Trouble", "", nil).Receipts[0].Entered, []string{"care/ana"})
	h.parked("care/ana", "person")
	same(t, "a second look finds nothing", len(h.reconcile().Closed), 0)
}

// Whatever ends a run without its final report is closed in the store.
func TestLostRunsAreClosed(t *testing.T) {
	t.Parallel()
	h := open(t, settings{files: folder(map[string]string{"nudge.yaml": nudge})})
	ctx := context.Background()
	for _, customer := range []string{"can", "del"} {
		h.customer(customer)
		h.track(customer, "Start", "", map[string]any{"k": "1"})
		h.parked("nudge/"+customer+"/1", "reply")
	}
	if err := h.Temporal.CancelWorkflow(ctx, "nudge/can/1", ""); err != nil {
		t.Fatal(err)
	}
	h.ended("nudge/can/1", contract.Cancelled) // the interpreter reported it

	if _, err := h.Temporal.WorkflowService().DeleteWorkflowExecution(ctx, &workflowservice.DeleteWorkflowExecutionRequest{
		Namespace: h.namespace, WorkflowExecution: &common.WorkflowExecution{WorkflowId: "nudge/del/1"},
	}); err != nil {
		t.Fatal(err)
	}
	// Deleting terminates first; a reader in between correctly finds it terminated.
	await(t, "Temporal knows the run no more", func() error {
		_, err := h.Temporal.DescribeWorkflow(ctx, "nudge/del/1", "")
		if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
			return nil
		}
		return cmp.Or(err, errStill)
	})
	if report := h.reconcile(); len(report.Missing) != 1 || len(report.Closed) != 0 {
		t.Errorf("the first look: %+v", report)
	}
	h.reconcileAs(background.Options{CloseMissing: true})
	h.ended("nudge/del/1", contract.Failed)
}

// A run reset in Temporal continues from there, and sends nothing twice.
func TestResetRunSendsNothingTwice(t *testing.T) {
	t.Parallel()
	h := open(t, settings{files: folder(map[string]string{"nudge.yaml": nudge})})
	ctx := context.Background()
	address := h.customer("ana")
	h.track("ana", "Start", "", map[string]any{"k": "1"})
	h.parked("nudge/ana/1", "reply")
	h.track("ana", "Answered", "", map[string]any{"k": "1"})
	h.parked("nudge/ana/1", "last")
	same(t, "mails", h.mail.subjects(address), []string{"Hello ana", "Again"})

	reset, err := h.Temporal.ResetWorkflowExecution(ctx, &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: h.namespace, WorkflowExecution: &common.WorkflowExecution{WorkflowId: "nudge/ana/1"},
		Reason: "by hand", RequestId: "reset-1", WorkflowTaskFinishEventId: firstTask(t, h, "nudge/ana/1"),
	})
	if err != nil {
		t.Fatal(err)
	}
	// Its first wait counts from the entry and is over, the mail that was sent is skipped, and the answer, which Temporal has
	// put back before the wait, came after its end: it belongs to the step that waits for it.
	await(t, "the new run comes to where the old one was", func() error {
		if v := h.state("nudge/ana/1"); v.Step != "last" {
			return fmt.Errorf("it is at %q", v.Step)
		}
		return nil
	})
	same(t, "mails after the reset", h.mail.subjects(address), []string{"Hello ana", "Again"})
	same(t, "the reconciler", len(h.reconcile().Closed), 0)
	h.track("ana", "Bought", "", map[string]any{"k": "1", "total": 3})
	h.ended("nudge/ana/1", contract.Goal)
	same(t, "the new run's outcome", h.result("nudge/ana/1", reset.RunId).Outcome, contract.Goal)
	same(t, "entries", h.entries("nudge", "ana"), 1)
	same(t, "mails at the end", h.mail.subjects(address), []string{"Hello ana", "Again"})
}

// firstTask returns the first completed workflow task: the earliest event to which a run can be reset.
func firstTask(t testing.TB, h *installation, workflowID string) int64 {
	t.Helper()
	for _, e := range h.history(workflowID, "") {
		if e.EventType == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			return e.EventId
		}
	}
	t.Fatal("no workflow task was completed")
	return 0
}
