package background

import (
	"context"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/relay"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Report is the result of a reconciliation.
type Report struct {
	Checked int      `json:"checked"` // open enrollments that were looked up in Temporal
	Closed  []Closed `json:"closed"`  // enrollments that were closed because their run is gone
	// Terminated are the enrollments that were closed while their run was still open in Temporal.
	Terminated []Closed `json:"terminated"`
}

// Closed is an enrollment that is closed, and the reason.
type Closed struct {
	WorkflowID string `json:"workflow_id"`
	Enrollment string `json:"enrollment"`
	Outcome    string `json:"outcome"`
	Reason     string `json:"reason"`
}

// Reconciler compares the store's enrollments with Temporal's runs, in both directions.
//
// A run reports its end to the store itself. It cannot where an operator terminates it in the Temporal UI, where the
// namespace is lost, or where a run is started under an enrollment that the store has closed meanwhile. Without a
// reconciler such an enrollment would stay open forever: it would block re-entry, keep its hand-offs in the queue and
// count in every report. The other way round, a run of a closed enrollment would wait in Temporal, perhaps for weeks,
// until its next activity is refused.
type Reconciler struct {
	enrollments Enrollments
	client      client.Client
	clock       clock.Clock
}

// NewReconciler returns a reconciler of one installation.
func NewReconciler(e Enrollments, c client.Client, clk clock.Clock) *Reconciler {
	return &Reconciler{enrollments: e, client: c, clock: clk}
}

// reconcilePage is how many enrollments, or runs, are looked up between two rests.
const reconcilePage = 200

// closeLost returns a page that walks through the open enrollments, a page each ReconcileEvery, so that a large
// installation does not ask Temporal about all of them at once.
func (j *Jobs) closeLost() func(context.Context) (bool, error) {
	after := ""
	return func(ctx context.Context) (more bool, err error) {
		var report Report
		next, err := j.reconciler.closeLost(ctx, after, &report)
		if err == nil {
			after = next
		}
		for _, c := range report.Closed {
			j.cfg.Logger.Info("closed an enrollment whose run is gone", zap.String("workflow", c.WorkflowID),
				zap.String("reason", c.Reason))
		}
		return false, err
	}
}

// Reconcile compares every open enrollment with Temporal, closes those whose run is gone (terminated, failed or
// lost), and releases what they held. Then it goes through the open runs, and terminates those whose enrollment is
// closed.
func (r *Reconciler) Reconcile(ctx context.Context) (Report, error) {
	report := Report{Closed: []Closed{}, Terminated: []Closed{}}
	for after := ""; ; {
		next, err := r.closeLost(ctx, after, &report)
		if err != nil {
			return report, err
		}
		if after = next; after == "" {
			break
		}
	}
	for page := []byte(nil); ; {
		next, err := r.terminateOrphans(ctx, page, &report)
		if err != nil || len(next) == 0 {
			return report, err
		}
		page = next
	}
}

// closeLost looks up one page of enrollments. next is empty after the last page.
func (r *Reconciler) closeLost(ctx context.Context, after string, report *Report) (next string, err error) {
	page, err := r.enrollments.List(ctx, enrollment.Filter{After: after, Limit: reconcilePage, Live: true})
	if err != nil {
		return "", err
	}
	for _, e := range page {
		outcome, reason, err := r.runOutcome(ctx, e)
		if err != nil {
			return "", err
		}
		report.Checked++
		if outcome == "" {
			continue
		}
		closed, err := r.enrollments.CloseLost(ctx, clock.Now(r.clock), e.ID, outcome, reason)
		if err != nil {
			return "", err
		}
		if !closed {
			continue // its run has reported its end since the page was read
		}
		report.Closed = append(report.Closed, Closed{WorkflowID: e.WorkflowID, Enrollment: e.ID, Outcome: outcome, Reason: reason})
	}
	if len(page) < reconcilePage {
		return "", nil
	}
	return page[len(page)-1].ID, nil
}

// runOutcome returns the outcome to close an enrollment with; empty where its run is open, or not started yet.
func (r *Reconciler) runOutcome(ctx context.Context, e unit.Enrollment) (outcome, reason string, err error) {
	run, err := r.client.DescribeWorkflowExecution(ctx, e.WorkflowID, "")
	switch {
	case relay.NotFound(err) && e.Chain == "":
		return "", "", nil // its start is still in the outbox
	case relay.NotFound(err):
		return contract.Failed, "its run is no longer in Temporal", nil
	case err != nil:
		return "", "", err
	}
	info := run.WorkflowExecutionInfo
	if relay.EnrollmentOf(info.GetMemo()) != e.ID {
		if e.Chain == "" {
			return "", "", nil // another enrollment still runs at its address; the relay waits for it
		}
		return contract.Failed, "another enrollment runs at its address", nil
	}
	switch info.GetStatus() {
	case enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING,
		enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED,
		enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW:
		return "", "", nil
	case enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED:
		return contract.Cancelled, "terminated in Temporal", nil
	case enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:
		return contract.Cancelled, "canceled in Temporal", nil
	}
	return contract.Failed, "its run ended in Temporal without a report: " + info.GetStatus().String(), nil
}
