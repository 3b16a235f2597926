package background

import (
	"context"
	"errors"
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/tabi-journeys/tabi/internal/relay"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// fate is what Temporal says about the run of an open enrollment. The zero fate: it has not been started yet.
type fate struct {
	run     string          // id of the run that is open
	ended   *contract.Ended // how the run ended
	missing string          // why Temporal has no run of it
}

// terminated is the reason of an enrollment whose run was terminated.
const terminated = "terminated in Temporal"

// fates looks up the runs of a page of enrollments.
func (r *Reconciler) fates(ctx context.Context, page []unit.Enrollment) ([]fate, error) {
	var unclaimed []string
	for _, e := range page {
		if e.Chain == "" {
			unclaimed = append(unclaimed, e.ID)
		}
	}
	waiting, err := r.cfg.Starts.StartsPending(ctx, unclaimed)
	if err != nil {
		return nil, err
	}
	out := make([]fate, len(page))
	for i, e := range page {
		if out[i], err = r.fate(ctx, e); err != nil {
			return nil, err
		}
		if waiting[e.ID] {
			out[i].missing = "" // its start is still in the outbox
		}
	}
	return out, nil
}

// fate looks up the run of an enrollment.
func (r *Reconciler) fate(ctx context.Context, e unit.Enrollment) (fate, error) {
	run, taken, err := r.ownRun(ctx, e)
	switch {
	case err != nil:
		return fate{}, err
	case run == nil && taken:
		return fate{missing: unit.LostReason + "; another run has its workflow id"}, nil
	case run == nil:
		return fate{missing: unit.LostReason}, nil
	}
	ended, err := r.ending(ctx, run)
	if err != nil || ended != nil {
		return fate{ended: ended}, err
	}
	return fate{run: run.GetExecution().GetRunId()}, nil
}

// ownRun returns the last run of an enrollment; nil if Temporal has none. taken reports that another run has its
// workflow id now. Then the enrollment's own run is looked for by the id of its first run.
func (r *Reconciler) ownRun(ctx context.Context, e unit.Enrollment) (run *workflowpb.WorkflowExecutionInfo, taken bool, err error) {
	run, err = r.describe(ctx, e.WorkflowID, "")
	if err != nil || run == nil {
		return nil, false, err
	}
	if relay.EnrollmentOf(run.GetMemo()) == e.ID {
		return run, false, nil
	}
	for id := e.Chain; id != ""; {
		if run, err = r.describe(ctx, e.WorkflowID, id); err != nil || run == nil {
			return nil, true, err
		}
		if run.GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW {
			return run, true, nil
		}
		if id, err = r.nextRun(ctx, run.GetExecution()); err != nil {
			return nil, true, err
		}
	}
	return nil, true, nil
}

// describe returns a run, or nil if there is none.
func (r *Reconciler) describe(ctx context.Context, workflowID, runID string) (*workflowpb.WorkflowExecutionInfo, error) {
	found, err := r.cfg.Client.DescribeWorkflow(ctx, workflowID, runID)
	if relay.NotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return found.RawResponse.GetWorkflowExecutionInfo(), nil
}

// nextRun returns the id of the run as which a run continued; empty if its history does not say.
func (r *Reconciler) nextRun(ctx context.Context, run *commonpb.WorkflowExecution) (string, error) {
	history := r.cfg.Client.GetWorkflowHistory(ctx, run.GetWorkflowId(), run.GetRunId(), false,
		enumspb.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT)
	for history.HasNext() {
		event, err := history.Next()
		if relay.NotFound(err) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		if id := event.GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId(); id != "" {
			return id, nil
		}
	}
	return "", nil
}

// ending returns how a run ended, in the words of its own result where it has one; nil if it has not ended.
func (r *Reconciler) ending(ctx context.Context, run *workflowpb.WorkflowExecutionInfo) (*contract.Ended, error) {
	ended := &contract.Ended{}
	if at := run.GetCloseTime(); at != nil {
		ended.At = r.cfg.Clock.At(at.AsTime())
	}
	switch status := run.GetStatus(); status {
	case enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING,
		enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED,
		enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW:
		return nil, nil
	case enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED:
		ended.Outcome, ended.Reason = contract.Cancelled, terminated
	case enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:
		ended.Outcome, ended.Reason = contract.Cancelled, "canceled in Temporal"
	case enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		ended.Outcome, ended.Reason = contract.TimedOut, "its run timed out in Temporal"
	case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED, enumspb.WORKFLOW_EXECUTION_STATUS_FAILED:
		var result contract.Result
		err := r.cfg.Client.GetWorkflow(ctx, run.GetExecution().GetWorkflowId(), run.GetExecution().GetRunId()).Get(ctx, &result)
		var failure *temporal.WorkflowExecutionError
		switch {
		case errors.As(err, &failure):
			ended.Outcome, ended.Reason = contract.Failed, "its run failed in Temporal: "+rootCause(failure).Error()
		case err != nil:
			return nil, err
		case result.Outcome == "":
			ended.Outcome, ended.Reason = contract.Failed, "its run ended without an outcome: "+result.Reason
		default:
			ended.Outcome, ended.Reason, ended.Value = result.Outcome, result.Reason, result.Value
		}
	default:
		return nil, fmt.Errorf("the run of %s has the status %s, which this build does not know",
			run.GetExecution().GetWorkflowId(), status)
	}
	return ended, nil
}

// rootCause returns the innermost error, without Temporal's words around it.
func rootCause(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}
