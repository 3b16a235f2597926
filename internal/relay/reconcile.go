package relay

import (
	"context"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/converter"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/store"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Report is what a reconciliation found.
type Report struct {
	Checked int      `json:"checked"` // open enrollments looked up in Temporal
	Closed  []Closed `json:"closed"`  // those whose run is gone
	// Terminated are those that were closed while their run was still open in Temporal.
	Terminated []Closed `json:"terminated"`
}

// Closed is an enrollment that is closed, and why.
type Closed struct {
	WorkflowID string `json:"workflow_id"`
	Enrollment string `json:"enrollment"`
	Outcome    string `json:"outcome"`
	Reason     string `json:"reason"`
}

// reconcilePage is how many enrollments are looked up between two rests of the standing reconciler.
const reconcilePage = 200

// reconcileForEver goes through the open enrollments page by page, so that a large installation is gone through slowly.
func (r *Relay) reconcileForEver(ctx context.Context) {
	tick := time.NewTicker(r.cfg.ReconcileEvery)
	defer tick.Stop()
	after := ""
	var page []byte
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var report Report
		next, err := r.reconcilePage(ctx, after, &report)
		if err == nil {
			after = next
			page, err = r.straysPage(ctx, page, &report) // after an error from the beginning: a page's token may have become old
		}
		if err != nil && ctx.Err() == nil {
			r.cfg.Logger.Warn("the reconciler could not finish; it goes on later", zap.Error(err))
		}
		for _, c := range report.Closed {
			r.cfg.Logger.Info(
				"closed an enrollment whose run is gone",
				zap.String("workflow", c.WorkflowID),
				zap.String("reason", c.Reason),
			)
		}
		for _, c := range report.Terminated {
			r.cfg.Logger.Info(
				"terminated a run whose enrollment is closed",
				zap.String("workflow", c.WorkflowID),
				zap.String("reason", c.Reason),
			)
		}
	}
}

// Reconcile compares every open enrollment with Temporal, closes those whose run is gone (terminated, failed or
// lost), and frees what they held. Then it goes through the open runs, and terminates those whose enrollment is
// closed.
func (r *Relay) Reconcile(ctx context.Context) (Report, error) {
	report := Report{Closed: []Closed{}, Terminated: []Closed{}}
	for after := ""; ; {
		next, err := r.reconcilePage(ctx, after, &report)
		if err != nil {
			return report, err
		}
		if after = next; after == "" {
			break
		}
	}
	for page := []byte(nil); ; {
		next, err := r.straysPage(ctx, page, &report)
		if err != nil || len(next) == 0 {
			return report, err
		}
		page = next
	}
}

// reconcilePage looks up one page; next is empty after the last.
func (r *Relay) reconcilePage(ctx context.Context, after string, report *Report) (next string, err error) {
	page, err := r.cfg.Store.Enrollments(ctx, store.EnrollmentFilter{After: after, Limit: reconcilePage, Live: true})
	if err != nil {
		return "", err
	}
	for _, e := range page {
		outcome, reason, err := r.fate(ctx, e)
		if err != nil {
			return "", err
		}
		report.Checked++
		if outcome == "" {
			continue
		}
		closed, err := r.cfg.Store.CloseLost(ctx, clock.Now(r.cfg.Clock), e.ID, outcome, reason)
		if err != nil {
			return "", err
		}
		if !closed {
			continue // it ended by itself since the page was read
		}
		report.Closed = append(report.Closed, Closed{WorkflowID: e.WorkflowID, Enrollment: e.ID, Outcome: outcome, Reason: reason})
	}
	if len(page) < reconcilePage {
		return "", nil
	}
	return page[len(page)-1].ID, nil
}

// fate says how an enrollment must be closed; an empty outcome: it is in good hands.
func (r *Relay) fate(ctx context.Context, e store.Enrollment) (outcome, reason string, err error) {
	run, err := r.cfg.Client.DescribeWorkflowExecution(ctx, e.WorkflowID, "")
	switch {
	case gone(err) && e.Chain == "":
		return "", "", nil // its start is still to be delivered
	case gone(err):
		return contract.Failed, "its run is not in Temporal any more", nil
	case err != nil:
		return "", "", err
	}
	info := run.WorkflowExecutionInfo
	if enrollmentOf(info.GetMemo()) != e.ID {
		if e.Chain == "" {
			return "", "", nil // the address is another's still; the relay waits for it
		}
		return contract.Failed, "another instance runs at its address", nil
	}
	switch info.GetStatus() {
	case enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING,
		enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED,
		enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW:
		return "", "", nil
	case enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED:
		return contract.Cancelled, "terminated in Temporal", nil
	case enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:
		return contract.Cancelled, "cancelled in Temporal", nil
	}
	return contract.Failed, "its run ended in Temporal without a word: " + info.GetStatus().String(), nil
}

// enrollmentOf reads the enrollment id from a run's memo.
func enrollmentOf(memo *commonpb.Memo) string {
	var id string
	payload, ok := memo.GetFields()[contract.MemoEnrollment]
	if !ok || converter.GetDefaultDataConverter().FromPayload(payload, &id) != nil {
		return ""
	}
	return id
}
