package forget

import (
	"context"
	"errors"
	"fmt"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/erasure"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

const (
	// deleteTime is how long one attempt waits until Temporal has deleted a run: it does so in the background.
	deleteTime = 10 * time.Second
	deleteLook = 100 * time.Millisecond
	// deleteAttempts is after how many attempts a run that Temporal has not deleted is left to its retention.
	deleteAttempts = 5
)

// Runs deletes the runs of a page of the customer's enrollments. The last page also deletes the runs of the type Track by which
// events of the customer came.
func (a *Activities) Runs(ctx context.Context, in contract.ForgetPage) (contract.ForgetPage, error) {
	if in.After == "" {
		if err := a.cfg.Erasure.Enter(ctx, in.Request, erasure.Deleting); err != nil {
			return in, gone(err)
		}
	}
	page, next, err := a.cfg.Erasure.Enrollments(ctx, in.Request, in.After)
	if err != nil {
		return in, gone(err)
	}
	for _, e := range page {
		if err := a.deleteAll(ctx, in.Request, e.WorkflowID, e.Chain, func(run *workflowpb.WorkflowExecutionInfo) bool {
			return a.cfg.EnrollmentOf(run.GetMemo()) == e.ID // another customer's may have had the same workflow id
		}); err != nil {
			return in, err
		}
	}
	if next == "" {
		if err := a.deleteTracks(ctx, in.Request); err != nil {
			return in, err
		}
	}
	return contract.ForgetPage{Request: in.Request, After: next}, nil
}

// deleteTracks deletes the runs by which events of the customer came over Temporal: they name the customer when they end.
func (a *Activities) deleteTracks(ctx context.Context, request string) error {
	ids, err := a.cfg.Erasure.IDs(ctx, request)
	if err != nil {
		return gone(err)
	}
	for _, id := range ids {
		found, err := a.list(ctx, fmt.Sprintf("WorkflowType = '%s' AND %s = %q", contract.TrackType, contract.AttrCustomer,
			journey.Shorten(id, journey.MaxStoredID)))
		if err != nil {
			return err
		}
		for _, run := range found {
			if err := a.remove(ctx, request, run); err != nil {
				return err
			}
		}
	}
	return nil
}

// list returns the runs that visibility has.
func (a *Activities) list(ctx context.Context, query string) (out []*workflowpb.WorkflowExecutionInfo, err error) {
	var page []byte
	for {
		activity.RecordHeartbeat(ctx)
		list, err := a.cfg.Client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, NextPageToken: page})
		if err != nil {
			return nil, hide(err)
		}
		out = append(out, list.GetExecutions()...)
		if page = list.GetNextPageToken(); len(page) == 0 {
			return out, nil
		}
	}
}

// deleteAll deletes all runs with a workflow id that are the customer's, also those of chains, and notes it in the report.
func (a *Activities) deleteAll(ctx context.Context, request, workflowID, first string,
	own func(*workflowpb.WorkflowExecutionInfo) bool) error {
	runs, err := a.find(ctx, workflowID, first, own)
	if err != nil {
		return err
	}
	for _, run := range runs {
		if err := a.remove(ctx, request, run); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes a run, waits until it is gone, and notes it in the report.
func (a *Activities) remove(ctx context.Context, request string, run *workflowpb.WorkflowExecutionInfo) error {
	activity.RecordHeartbeat(ctx)
	at := run.GetExecution()
	_, err := a.cfg.Client.WorkflowService().DeleteWorkflowExecution(ctx, &workflowservice.DeleteWorkflowExecutionRequest{
		Namespace: a.cfg.Namespace, WorkflowExecution: at,
	})
	if err == nil {
		err = a.untilGone(ctx, at)
	}
	done := erasure.Runs{Deleted: 1}
	switch {
	case err == nil || notFound(err):
	case refused(err) || activity.GetInfo(ctx).Attempt >= deleteAttempts:
		if done, err = a.left(ctx, run); err != nil {
			return err
		}
	default:
		return hide(err)
	}
	return a.cfg.Erasure.RunsDeleted(ctx, request, done)
}

// find returns the runs with a workflow id: those that visibility has, the current one, and, from each, those of its chain that came
// before. Visibility alone would not do: it is behind, and an installation may have lost it.
func (a *Activities) find(ctx context.Context, workflowID, first string, own func(*workflowpb.WorkflowExecutionInfo) bool) (
	[]*workflowpb.WorkflowExecutionInfo, error) {
	pending := []string{"", first} // the current run, and the first one
	visible, err := a.list(ctx, fmt.Sprintf("WorkflowId = %q", workflowID))
	if err != nil {
		return nil, err
	}
	for _, run := range visible {
		pending = append(pending, run.GetExecution().GetRunId())
	}
	seen := map[string]bool{}
	var out []*workflowpb.WorkflowExecutionInfo
	for n := 0; n < len(pending); n++ {
		if n > 0 && pending[n] == "" || seen[pending[n]] {
			continue
		}
		seen[pending[n]] = true
		is, err := a.cfg.Client.DescribeWorkflow(ctx, workflowID, pending[n])
		if notFound(err) {
			continue
		}
		if err != nil {
			return nil, hide(err)
		}
		run := is.RawResponse.GetWorkflowExecutionInfo()
		id := run.GetExecution().GetRunId()
		if pending[n] == "" && seen[id] || !own(run) {
			continue
		}
		seen[id] = true
		out = append(out, run)
		before, err := a.before(ctx, run.GetExecution())
		if err != nil {
			return nil, err
		}
		pending = append(pending, before...)
		activity.RecordHeartbeat(ctx)
	}
	return out, nil
}

// before returns the runs of the same chain that a run names in its first event.
func (a *Activities) before(ctx context.Context, at *commonpb.WorkflowExecution) ([]string, error) {
	first, err := a.cfg.Client.WorkflowService().GetWorkflowExecutionHistory(ctx, &workflowservice.GetWorkflowExecutionHistoryRequest{
		Namespace: a.cfg.Namespace, Execution: at, MaximumPageSize: 1,
	})
	if notFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, hide(err)
	}
	var out []string
	for _, event := range first.GetHistory().GetEvents() {
		if started := event.GetWorkflowExecutionStartedEventAttributes(); started != nil {
			for _, id := range []string{started.GetContinuedExecutionRunId(), started.GetFirstExecutionRunId()} {
				if id != "" {
					out = append(out, id)
				}
			}
		}
	}
	return out, nil
}

// untilGone waits until Temporal no longer knows a run.
func (a *Activities) untilGone(ctx context.Context, at *commonpb.WorkflowExecution) error {
	for until := clock.Wall().Add(deleteTime); ; {
		_, err := a.cfg.Client.DescribeWorkflow(ctx, at.GetWorkflowId(), at.GetRunId())
		if notFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if clock.Wall().After(until) {
			return errors.New("still there")
		}
		activity.RecordHeartbeat(ctx)
		if err := clock.Wait(ctx, clock.Wall().Add(deleteLook)); err != nil {
			return err
		}
	}
}

// left returns what the report says of a run that Temporal does not delete: until when its retention keeps it.
func (a *Activities) left(ctx context.Context, run *workflowpb.WorkflowExecutionInfo) (erasure.Runs, error) {
	if run.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		err := a.cfg.Client.TerminateWorkflow(ctx, run.GetExecution().GetWorkflowId(), run.GetExecution().GetRunId(),
			"its customer is forgotten")
		if err != nil && !notFound(err) {
			return erasure.Runs{}, hide(err)
		}
	}
	namespace, err := a.cfg.Client.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{
		Namespace: a.cfg.Namespace,
	})
	if err != nil {
		return erasure.Runs{}, hide(err)
	}
	closed := clock.Wall()
	if run.GetCloseTime() != nil {
		closed = run.GetCloseTime().AsTime()
	}
	return erasure.Runs{Left: 1, Until: closed.Add(namespace.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()).UTC()}, nil
}

// notFound reports whether err says that there is no such run, or none that is open.
func notFound(err error) bool {
	var missing *serviceerror.NotFound
	return errors.As(err, &missing)
}

// refused reports whether Temporal will never do it for this caller: an older server, or one that does not allow it.
func refused(err error) bool {
	var denied *serviceerror.PermissionDenied
	var unknown *serviceerror.Unimplemented
	return errors.As(err, &denied) || errors.As(err, &unknown)
}
