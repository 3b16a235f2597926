package relay

import (
	"testing"

	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"

	"github.com/tabi-journeys/tabi/internal/store"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func TestReconcile(t *testing.T) {
	for _, c := range []struct {
		name    string
		claimed bool
		run     func(enrollment string) *workflowpb.WorkflowExecutionInfo
		outcome string // empty: left alone
	}{
		{"running", true, func(e string) *workflowpb.WorkflowExecutionInfo {
			return run(e, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING)
		}, ""},
		{"terminated", true, func(e string) *workflowpb.WorkflowExecutionInfo {
			return run(e, enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED)
		}, contract.Cancelled},
		{"failed", true, func(e string) *workflowpb.WorkflowExecutionInfo {
			return run(e, enumspb.WORKFLOW_EXECUTION_STATUS_FAILED)
		}, contract.Failed},
		{"lost", true, func(string) *workflowpb.WorkflowExecutionInfo { return nil }, contract.Failed},
		{"replaced", true, func(string) *workflowpb.WorkflowExecutionInfo {
			return run("another", enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING)
		}, contract.Failed},
		{"not started yet", false, func(string) *workflowpb.WorkflowExecutionInfo { return nil }, ""},
		{"terminated before its first task", false, func(e string) *workflowpb.WorkflowExecutionInfo {
			return run(e, enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED)
		}, contract.Cancelled},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := setup(t)
			e := b.enters()
			if c.claimed {
				b.reports(e, contract.Report{Parked: &contract.Parked{Step: "main.1", Kind: "wait_for", Since: at}})
			}
			if info := c.run(e.ID); info != nil {
				b.fake.runs[e.WorkflowID] = info
			}
			report, err := b.relay.Reconcile(t.Context())
			if err != nil || report.Checked != 1 {
				t.Fatal(report, err)
			}
			e = b.enrollment(e.WorkflowID)
			if got := e.Outcome; got != c.outcome || (c.outcome != "") != (e.State == store.StateClosed) {
				t.Errorf("state %s, outcome %q, want %q", e.State, got, c.outcome)
			}
			if (c.outcome != "") != (len(report.Closed) == 1) {
				t.Errorf("reported %v", report.Closed)
			}
		})
	}
}

// An enrollment that is closed by its own run between being listed and being looked up is none that the
// reconciler closed.
func TestReconcileWhatEndsMeanwhile(t *testing.T) {
	b := setup(t)
	e := b.enters()
	b.fake.runs[e.WorkflowID] = run(e.ID, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED)
	b.fake.asked = func(string) { b.reports(e, contract.Report{Ended: &contract.Ended{Outcome: contract.Goal, At: at}}) }
	report, err := b.relay.Reconcile(t.Context())
	if err != nil || report.Checked != 1 || len(report.Closed) != 0 {
		t.Errorf("%+v, %v", report, err)
	}
	if e = b.enrollment(e.WorkflowID); e.Outcome != contract.Goal {
		t.Errorf("%+v", e)
	}
}

// A run that is open though its enrollment is closed is terminated, if it is at rest.
func TestReconcileStrays(t *testing.T) {
	for _, c := range []struct {
		name         string
		closed, busy bool
		memo         string // default: the enrollment
		terminated   int
		status       enumspb.WorkflowExecutionStatus
	}{
		{name: "a stray", closed: true, terminated: 1, status: enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING},
		{name: "about to end", closed: true, busy: true, status: enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING},
		{name: "ended since it was listed", closed: true, status: enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED},
		{name: "in good hands", status: enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING},
		{name: "another installation's", closed: true, memo: "unknown", status: enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := setup(t)
			e := b.enters()
			id := e.WorkflowID
			if c.closed {
				if _, err := b.store.CloseLost(t.Context(), at, e.ID, contract.Failed, "lost"); err != nil {
					t.Fatal(err)
				}
			}
			memo := c.memo
			if memo == "" {
				memo = e.ID
			}
			b.fake.runs["a first page"] = run("", enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING)
			b.fake.runs[id], b.fake.busy[id] = run(memo, c.status), c.busy
			report, err := b.relay.Reconcile(t.Context())
			if err != nil || len(report.Terminated) != c.terminated || len(report.Closed) != 0 {
				t.Fatal(report, err)
			}
			if ended := b.fake.seen(&b.fake.ended); len(ended) != c.terminated || c.terminated > 0 && ended[0] != id+"/run" {
				t.Errorf("terminated %v", ended)
			}
		})
	}
}
