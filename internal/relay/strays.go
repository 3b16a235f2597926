package relay

import (
	"context"

	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// openRuns is the visibility query for runs of journeys that have not ended.
const openRuns = "WorkflowType = '" + contract.JourneyType + "' AND ExecutionStatus = 'Running'"

// straysPage looks at one page of the open runs and terminates those whose enrollment the store has closed:
// they have nothing left to do, and would be told so only when they next ask for something, which may be weeks
// away. next is empty after the last page.
func (r *Relay) straysPage(ctx context.Context, page []byte, report *Report) (next []byte, err error) {
	list, err := r.cfg.Client.ListWorkflow(
		ctx,
		&workflowservice.ListWorkflowExecutionsRequest{Query: openRuns, PageSize: reconcilePage, NextPageToken: page},
	)
	if err != nil {
		return nil, err
	}
	runs := map[string][]*workflowpb.WorkflowExecutionInfo{}
	var ids []string
	for _, run := range list.GetExecutions() {
		if id := enrollmentOf(run.GetMemo()); id != "" {
			ids = append(ids, id)
			runs[id] = append(runs[id], run)
		}
	}
	closed, err := r.cfg.Store.ClosedOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, e := range closed {
		for _, run := range runs[e.ID] {
			stray, err := r.idle(ctx, run)
			if err != nil {
				return nil, err
			}
			if !stray {
				continue
			}
			reason := "tabi has closed its enrollment: " + e.Outcome
			if err := r.cfg.Client.TerminateWorkflow(ctx, run.GetExecution().GetWorkflowId(), run.GetExecution().GetRunId(), reason); err != nil &&
				!gone(err) {
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

// idle reports whether a run, of an enrollment that was found closed, is open and at rest. One that ends right
// now closes its enrollment in a workflow task: with none at hand, nothing is to come of it.
func (r *Relay) idle(ctx context.Context, run *workflowpb.WorkflowExecutionInfo) (bool, error) {
	now, err := r.cfg.Client.DescribeWorkflowExecution(ctx, run.GetExecution().GetWorkflowId(), run.GetExecution().GetRunId())
	if gone(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return now.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING &&
		now.GetPendingWorkflowTask() == nil, nil
}
