package background

import (
	"testing"

	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"

	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func TestReconcileClosesEnrollmentsWithoutRun(t *testing.T) {
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
			s := setup(t)
			e := s.enters()
			if c.claimed {
				s.reports(e, contract.Report{Parked: &contract.Position{Step: "main.1", Kind: "wait_for", Since: at}})
			}
			if info := c.run(e.ID); info != nil {
				s.fake.runs[e.WorkflowID] = info
			}
			report := s.reconcile()
			if report.Checked != 1 {
				t.Fatal(report)
			}
			e = s.enrollment(e.WorkflowID)
			if got := e.Outcome; got != c.outcome || (c.outcome != "") != (e.State == unit.StateClosed) {
				t.Errorf("state %s, outcome %q, want %q", e.State, got, c.outcome)
			}
			if (c.outcome != "") != (len(report.Closed) == 1) {
				t.Errorf("reported %v", report.Closed)
			}
		})
	}
}

// The reconciler does not report an enrollment whose run reports its end between the listing and the look-up.
func TestReconcileSkipsRunsThatEndMeanwhile(t *testing.T) {
	s := setup(t)
	e := s.enters()
	s.fake.runs[e.WorkflowID] = run(e.ID, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED)
	s.fake.asked = func(string) { s.reports(e, contract.Report{Ended: &contract.Ended{Outcome: contract.Goal, At: at}}) }
	if report := s.reconcile(); report.Checked != 1 || len(report.Closed) != 0 {
		t.Errorf("%+v", report)
	}
	if e = s.enrollment(e.WorkflowID); e.Outcome != contract.Goal {
		t.Errorf("%+v", e)
	}
}

// An open run whose enrollment is closed is terminated if it has no workflow task.
func TestReconcileTerminatesOrphanRuns(t *testing.T) {
	for _, c := range []struct {
		name         string
		closed, busy bool
		memo         string // default: the enrollment
		terminated   int
		status       enumspb.WorkflowExecutionStatus
	}{
		{name: "an orphan", closed: true, terminated: 1, status: enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING},
		{name: "about to end", closed: true, busy: true, status: enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING},
		{name: "ended since it was listed", closed: true, status: enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED},
		{name: "its enrollment is open", status: enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING},
		{name: "another installation's", closed: true, memo: "unknown", status: enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := setup(t)
			e := s.enters()
			id := e.WorkflowID
			if c.closed {
				if _, err := s.store.Enrollments.CloseLost(t.Context(), at, e.ID, contract.Failed, "lost"); err != nil {
					t.Fatal(err)
				}
			}
			memo := c.memo
			if memo == "" {
				memo = e.ID
			}
			s.fake.runs["a first page"] = run("", enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING)
			s.fake.runs[id], s.fake.busy[id] = run(memo, c.status), c.busy
			report := s.reconcile()
			if len(report.Terminated) != c.terminated || len(report.Closed) != 0 {
				t.Fatal(report)
			}
			if ended := s.fake.terminated; len(ended) != c.terminated || c.terminated > 0 && ended[0] != id+"/run" {
				t.Errorf("terminated %v", ended)
			}
		})
	}
}
