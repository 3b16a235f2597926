package background

import (
	"context"

	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/tabi-journeys/tabi/internal/relay"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// openRuns is the visibility query for open runs of journeys.
const openRuns = "WorkflowType = '" + contract.JourneyType + "' AND ExecutionStatus = 'Running'"

// lookAtRuns looks at one page of the open runs. It terminates those whose enrollment the store has closed: such a run
// has nothing left to do, and would learn that only from its next activity, which may be weeks away. It lists those whose
// enrollment the store does not know, and terminates them only where that is asked for: the store may be the one that is
// behind. next is empty after the last page.
func (r *Reconciler) lookAtRuns(ctx context.Context, page []byte, o Options, report *Report) (next []byte, err error) {
	list, err := r.cfg.Client.ListWorkflow(
		ctx,
		&workflowservice.ListWorkflowExecutionsRequest{Query: openRuns, PageSize: reconcilePage, NextPageToken: page},
	)
	if err != nil {
		return nil, err
	}
	if err := r.atHome(ctx); err != nil {
		return nil, err
	}
	runs := map[string][]*workflowpb.WorkflowExecutionInfo{}
	var ids []string
	for _, run := range list.GetExecutions() {
		id := relay.EnrollmentOf(run.GetMemo())
		ids = append(ids, id)
		runs[id] = append(runs[id], run)
	}
	closed, err := r.cfg.Enrollments.ClosedOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	known, err := r.cfg.Enrollments.Known(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, e := range closed {
		for _, run := range runs[e.ID] {
			reason := "tabi has closed its enrollment: " + e.Outcome
			ended, err := r.terminate(ctx, run, reason, o)
			if err != nil {
				return nil, err
			}
			if ended {
				report.Terminated = append(report.Terminated,
					Closed{WorkflowID: run.GetExecution().GetWorkflowId(), Enrollment: e.ID, Outcome: e.Outcome, Reason: reason})
			}
		}
	}
	for _, run := range list.GetExecutions() {
		id := relay.EnrollmentOf(run.GetMemo())
		if known[id] {
			continue
		}
		orphan := Orphan{WorkflowID: run.GetExecution().GetWorkflowId(), RunID: run.GetExecution().GetRunId(), Enrollment: id,
			StartedAt: run.GetStartTime().AsTime()}
		if o.TerminateOrphans && id != "" {
			if orphan.Terminated, err = r.terminate(ctx, run, "tabi's database does not know its enrollment", o); err != nil {
				return nil, err
			}
		}
		report.Orphans = append(report.Orphans, orphan)
	}
	return list.GetNextPageToken(), nil
}

// terminate terminates a run that is idle, and reports whether it did, or would.
func (r *Reconciler) terminate(ctx context.Context, run *workflowpb.WorkflowExecutionInfo, reason string, o Options) (bool, error) {
	idle, err := r.idle(ctx, run)
	if err != nil || !idle || o.DryRun {
		return idle, err
	}
	at := run.GetExecution()
	err = r.cfg.Client.TerminateWorkflow(ctx, at.GetWorkflowId(), at.GetRunId(), reason)
	if relay.NotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// idle reports whether a run is open and has no workflow task. A run that is about to end closes its enrollment inside a
// workflow task: it must be left to complete by itself.
func (r *Reconciler) idle(ctx context.Context, run *workflowpb.WorkflowExecutionInfo) (bool, error) {
	now, err := r.cfg.Client.DescribeWorkflow(ctx, run.GetExecution().GetWorkflowId(), run.GetExecution().GetRunId())
	if relay.NotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return now.Status == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING &&
		now.RawResponse.GetPendingWorkflowTask() == nil, nil
}
