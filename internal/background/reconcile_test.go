package background

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/cluster"
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
		{"timed out", true, func(e string) *workflowpb.WorkflowExecutionInfo {
			return run(e, enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT)
		}, contract.TimedOut},
		{"completed", true, func(e string) *workflowpb.WorkflowExecutionInfo {
			return run(e, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED)
		}, contract.Goal},
		{"missing at the first look", true, func(string) *workflowpb.WorkflowExecutionInfo { return nil }, ""},
		{"replaced, at the first look", true, func(string) *workflowpb.WorkflowExecutionInfo {
			return run("another", enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING)
		}, ""},
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
			s.fake.ends = map[string]ended{e.WorkflowID: {result: contract.Result{Outcome: contract.Goal, Reason: "by Bye", Value: 7}}}
			if c.outcome == contract.Failed {
				s.fake.ends[e.WorkflowID] = ended{err: &temporal.WorkflowExecutionError{}}
			}
			if info := c.run(e.ID); info != nil {
				s.fake.runs[e.WorkflowID] = info
			}
			before := s.enrollment(e.WorkflowID)
			if would := s.reconcileAs(Options{DryRun: true}); (c.outcome != "") != (len(would.Closed) == 1) {
				t.Errorf("would close %v", would.Closed)
			}
			if after := s.enrollment(e.WorkflowID); after != before {
				t.Errorf("a dry run changed %+v to %+v", before, after)
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
	s.fake.ends = map[string]ended{e.WorkflowID: {result: contract.Result{Outcome: contract.Completed}}}
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
		asked        bool   // to terminate orphans
		terminated   int
		orphans      int // default 1: a run without an enrollment
		status       enumspb.WorkflowExecutionStatus
	}{
		{name: "an orphan", closed: true, terminated: 1, status: enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING},
		{name: "about to end", closed: true, busy: true, status: enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING},
		{name: "ended since it was listed", closed: true, status: enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED},
		{name: "its enrollment is open", status: enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING},
		{name: "unknown to the store", closed: true, memo: "unknown", orphans: 2, status: enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING},
		{name: "unknown, and to be terminated", closed: true, memo: "unknown", orphans: 2, asked: true, terminated: 1,
			status: enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING},
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
			report := s.reconcileAs(Options{TerminateOrphans: c.asked})
			if len(report.Orphans) != max(c.orphans, 1) || len(report.Closed) != 0 {
				t.Fatal(report)
			}
			if !c.asked && len(report.Terminated) != c.terminated {
				t.Fatal(report)
			}
			if ended := s.fake.terminated; len(ended) != c.terminated || c.terminated > 0 && ended[0] != id+"/run" {
				t.Errorf("terminated %v", ended)
			}
		})
	}
}

// The outcome, its reason, value and time are those of the run's own result.
func TestReconcileTakesTheOutcomeFromTheResult(t *testing.T) {
	s := setup(t)
	e := s.enters()
	s.reports(e, contract.Report{Parked: &contract.Position{Step: "main.1", Kind: "wait_for", Since: at}})
	info := run(e.ID, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED)
	info.CloseTime = timestamppb.New(at.Add(time.Hour))
	s.fake.runs[e.WorkflowID] = info
	s.fake.ends = map[string]ended{e.WorkflowID: {result: contract.Result{Outcome: contract.Goal, Reason: "by Bye", Value: 7}}}
	s.reconcile()
	e = s.enrollment(e.WorkflowID)
	if e.Outcome != contract.Goal || e.Reason != "by Bye" || e.Value != 7 || !e.ClosedAt.Equal(at.Add(time.Hour)) {
		t.Errorf("%+v", e)
	}
}

// Another run has the workflow id since: the enrollment's own run is found by its first run, over continue-as-new.
func TestReconcileFindsAnEarlierRunAtTheAddress(t *testing.T) {
	s := setup(t)
	e := s.enters()
	s.reports(e, contract.Report{Parked: &contract.Position{Step: "main.1", Kind: "wait_for", Since: at}}) // its first run is "chain"
	s.fake.runs[e.WorkflowID] = run("another", enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING)
	s.fake.earlier = map[string]*workflowpb.WorkflowExecutionInfo{
		"chain":  run(e.ID, enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW),
		"second": run(e.ID, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED),
	}
	s.fake.continued = map[string]string{"chain": "second"}
	s.fake.ends = map[string]ended{e.WorkflowID: {result: contract.Result{Outcome: "left"}}}
	s.reconcile()
	if e = s.enrollment(e.WorkflowID); e.Outcome != "left" {
		t.Errorf("%+v", e)
	}
}

// A run that Temporal does not hold is missed at the first look, and its enrollment closed at a second one that is late
// enough. One that comes back in between is forgotten.
func TestReconcileClosesAtASecondLook(t *testing.T) {
	s := setup(t)
	e := s.enters()
	s.reports(e, contract.Report{Parked: &contract.Position{Step: "main.1", Kind: "wait_for", Since: at}})
	for range 2 {
		if report := s.reconcile(); len(report.Missing) != 1 || len(report.Closed) != 0 {
			t.Fatalf("%+v", report)
		}
	}
	s.fake.runs[e.WorkflowID] = run(e.ID, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING)
	s.reconcile()
	if !s.enrollment(e.WorkflowID).MissingSince.IsZero() {
		t.Fatal("it is still missed")
	}
	delete(s.fake.runs, e.WorkflowID)
	s.missedBefore(e)
	if report := s.reconcile(); len(report.Closed) != 1 {
		t.Fatalf("%+v", report)
	}
	if e = s.enrollment(e.WorkflowID); e.Outcome != contract.Failed {
		t.Errorf("%+v", e)
	}
}

// missedBefore notes that enrollments were missed long enough ago to be closed.
func (s *suite) missedBefore(all ...unit.Enrollment) {
	s.t.Helper()
	for _, e := range all {
		if err := s.store.Enrollments.MarkMissing(s.t.Context(), clock.Wall().Add(-SecondLook), []string{e.ID}, nil); err != nil {
			s.t.Fatal(err)
		}
	}
}

// Where more of a page is missing than single faults explain, nothing of it is closed, however often it is looked at.
func TestReconcileStopsWhereManyAreMissing(t *testing.T) {
	s := setup(t)
	s.publish(map[string]string{"greeting.yaml": greeting})
	for n := range 40 {
		e := s.entersAs(fmt.Sprint(n))
		s.reports(e, contract.Report{Parked: &contract.Position{Step: "main.1", Kind: "wait_for", Since: at}})
		if n%10 != 0 {
			s.fake.runs[e.WorkflowID] = run(e.ID, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING)
		}
		s.missedBefore(e)
	}
	report := s.reconcile()
	if len(report.Closed) != 0 || len(report.Missing) != 4 || !strings.Contains(report.Alarm, "4 of 40") {
		t.Fatalf("%+v", report)
	}
	if report = s.reconcileAs(Options{CloseMissing: true, DryRun: true}); len(report.Closed) != 4 {
		t.Errorf("would close %v", report.Closed)
	}
	if report = s.reconcileAs(Options{CloseMissing: true}); len(report.Closed) != 4 {
		t.Errorf("closed %v", report.Closed)
	}
}

// elsewhere is a Temporal that the store does not belong to.
type elsewhere struct{}

func (elsewhere) Verified(context.Context) error { return &cluster.StrangerError{} }
func (elsewhere) Check(context.Context) error    { return &cluster.StrangerError{} }

func TestReconcileBelievesNoStranger(t *testing.T) {
	s := setup(t)
	s.cfg.Home = elsewhere{}
	e := s.enters()
	s.reports(e, contract.Report{Parked: &contract.Position{Step: "main.1", Kind: "wait_for", Since: at}})
	s.missedBefore(e)
	_, err := NewReconciler(ReconcilerConfig{
		Enrollments: s.store.Enrollments, Starts: s.store.Outbox, Client: s.fake, Home: s.cfg.Home,
	}).Reconcile(t.Context(), Options{CloseMissing: true, TerminateOrphans: true})
	if !cluster.IsStranger(err) {
		t.Fatal(err)
	}
	if e = s.enrollment(e.WorkflowID); e.State != unit.StateOpen {
		t.Errorf("%+v", e)
	}
}
