package background

import (
	"context"

	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/relay"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// openRuns is the visibility query for open runs of journeys.
const openRuns = "WorkflowType = '" + contract.JourneyType + "' AND ExecutionStatus = 'Running'"

// terminateOrphans returns a page that walks through the open runs, a page each ReconcileEvery. After an error it
// begins again, since a page's token may have expired.
func (j *Jobs) terminateOrphans() func(context.Context) (bool, error) {
	var page []byte
	return func(ctx context.Context) (more bool, err error) {
		var report Report
		page, err = j.reconciler.terminateOrphans(ctx, page, &report)
		for _, c := range report.Terminated {
			j.cfg.Logger.Info(
				"terminated a run whose enrollment is closed",
				zap.String("workflow", c.WorkflowID),
				zap.String("reason", c.Reason),
			)
		}
		return false, err
	}
}

// terminateOrphans looks at one page of the open runs and terminates those whose enrollment the store has closed.
// Such a run has nothing left to do, and would learn that only from its next activity, which may be weeks away. next
// is empty after the last page.
func (r *Reconciler) terminateOrphans(ctx context.Context, page []byte, report *Report) (next []byte, err error) {
	list, err := r.client.ListWorkflow(
		ctx,
		&workflowservice.ListWorkflowExecutionsRequest{Query: openRuns, PageSize: reconcilePage, NextPageToken: page},
	)
	if err != nil {
		return nil, err
	}
	runs := map[string][]*workflowpb.WorkflowExecutionInfo{}
	var ids []string
	for _, run := range list.GetExecutions() {
		if id := relay.EnrollmentOf(run.GetMemo()); id != "" {
			ids = append(ids, id)
			runs[id] = append(runs[id], run)
		}
	}
	closed, err := r.enrollments.ClosedOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, e := range closed {
		for _, run := range runs[e.ID] {
			idle, err := r.idle(ctx, run)
			if err != nil {
				return nil, err
			}
			if !idle {
				continue
			}
			reason := "tabi has closed its enrollment: " + e.Outcome
			at := run.GetExecution()
			if err := r.client.TerminateWorkflow(ctx, at.GetWorkflowId(), at.GetRunId(), reason); err != nil && !relay.NotFound(err) {
				return nil, err
			}
			report.Terminated = append(
				report.Terminated,
				Closed{WorkflowID: e.WorkflowID, Enrollment: e.ID, Outcome: e.Outcome, Reason: reason},
			)
		}
	}
	return list.GetNextPageToken(), nil
}

// idle reports whether a run of a closed enrollment is open and has no workflow task. A run that is about to end
// closes its enrollment inside a workflow task: it must be left to complete by itself.
func (r *Reconciler) idle(ctx context.Context, run *workflowpb.WorkflowExecutionInfo) (bool, error) {
	now, err := r.client.DescribeWorkflowExecution(ctx, run.GetExecution().GetWorkflowId(), run.GetExecution().GetRunId())
	if relay.NotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return now.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING &&
		now.GetPendingWorkflowTask() == nil, nil
}
