package forget

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/errgroup"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/erasure"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

const (
	// deleteTime is how long one attempt waits until Temporal has deleted the runs of a page: it does so in the background.
	deleteTime = 10 * time.Second
	deleteLook = 100 * time.Millisecond
	// deletePatience is for how long a page is tried again. What Temporal has not deleted then is left to its retention. It is a time, and
	// not a number of attempts: a worker that is killed costs an attempt, and says nothing of Temporal.
	deletePatience = 10 * time.Minute
	// atOnce is how many runs of a page are looked for and deleted at the same time.
	atOnce = 8
)

// Runs deletes the runs of a page of the customer's enrollments. The last page also deletes the runs of the type Track by which
// events of the customer came.
func (a *Activities) Runs(ctx context.Context, in contract.ForgetPage) (contract.ForgetPage, error) {
	ctx, stop := beating(ctx)
	defer stop()
	if in.After == "" {
		if err := a.cfg.Erasure.Delete(ctx, a.now(), in.Request); err != nil {
			return in, gone(err)
		}
	}
	page, next, err := a.cfg.Erasure.Enrollments(ctx, in.Request, in.After)
	if err != nil {
		return in, gone(err)
	}
	var looks []func(context.Context) ([]*workflowpb.WorkflowExecutionInfo, error)
	for _, e := range page {
		looks = append(looks, func(ctx context.Context) ([]*workflowpb.WorkflowExecutionInfo, error) {
			return a.find(ctx, e.WorkflowID, e.Chain, func(run *workflowpb.WorkflowExecutionInfo) bool {
				return a.cfg.EnrollmentOf(run.GetMemo()) == e.ID // another customer's may have had the same workflow id
			})
		})
	}
	if next == "" {
		tracks, err := a.findTracks(ctx, in.Request)
		if err != nil {
			return in, err
		}
		looks = append(looks, tracks...)
	}
	found := make([][]*workflowpb.WorkflowExecutionInfo, len(looks))
	looking, lookingCtx := errgroup.WithContext(ctx)
	looking.SetLimit(atOnce)
	for i, look := range looks {
		looking.Go(func() (err error) {
			found[i], err = look(lookingCtx)
			return err
		})
	}
	if err := looking.Wait(); err != nil {
		return in, err
	}
	return contract.ForgetPage{Request: in.Request, After: next}, a.remove(ctx, in.Request, slices.Concat(found...))
}

// findTracks returns functions that find the runs by which events of the customer came over Temporal: they name it when they end.
func (a *Activities) findTracks(ctx context.Context, request string) (
	looks []func(context.Context) ([]*workflowpb.WorkflowExecutionInfo, error), err error) {
	ids, err := a.cfg.Erasure.IDs(ctx, request)
	for _, id := range ids {
		looks = append(looks, func(ctx context.Context) ([]*workflowpb.WorkflowExecutionInfo, error) {
			return a.list(ctx, fmt.Sprintf("WorkflowType = '%s' AND %s = %q", contract.TrackType, contract.AttrCustomer,
				journey.Shorten(id, journey.MaxStoredID)))
		})
	}
	return looks, gone(err)
}

// remove deletes runs, waits until Temporal no longer knows them, and notes in the report what became of each. It returns an error while
// some are still there: it is to be repeated.
func (a *Activities) remove(ctx context.Context, request string, runs []*workflowpb.WorkflowExecutionInfo) error {
	refusals := make([]bool, len(runs))
	deleting, deletingCtx := errgroup.WithContext(ctx)
	deleting.SetLimit(atOnce)
	for i, run := range runs {
		deleting.Go(func() error {
			_, err := a.cfg.Client.WorkflowService().DeleteWorkflowExecution(deletingCtx,
				&workflowservice.DeleteWorkflowExecutionRequest{Namespace: a.cfg.Namespace, WorkflowExecution: run.GetExecution()})
			if refusals[i] = refused(err); refusals[i] || notFound(err) {
				return nil
			}
			return hide(err)
		})
	}
	if err := deleting.Wait(); err != nil {
		return err
	}
	patient := clock.Wall().Before(activity.GetInfo(ctx).ScheduledTime.Add(deletePatience))
	var waiting, lost []*workflowpb.WorkflowExecutionInfo
	for i, run := range runs {
		if refusals[i] {
			lost = append(lost, run)
		} else {
			waiting = append(waiting, run)
		}
	}
	for until := clock.Wall().Add(deleteTime); len(waiting) > 0; {
		still, err := a.stillThere(ctx, waiting)
		if err != nil {
			return err
		}
		if n := len(waiting) - len(still); n > 0 {
			if err := a.cfg.Erasure.RunsDeleted(ctx, request, erasure.Runs{Deleted: int64(n)}); err != nil {
				return err
			}
		}
		if waiting = still; len(waiting) == 0 {
			break
		}
		if clock.Wall().After(until) {
			if patient {
				return fmt.Errorf("%d runs are still there", len(waiting))
			}
			lost = append(lost, waiting...)
			break
		}
		if err := clock.Wait(ctx, clock.Wall().Add(deleteLook)); err != nil {
			return err
		}
	}
	for _, run := range lost {
		done, err := a.left(ctx, run)
		if err != nil {
			return err
		}
		if err := a.cfg.Erasure.RunsDeleted(ctx, request, done); err != nil {
			return err
		}
	}
	return nil
}

// stillThere returns the runs that Temporal knows.
func (a *Activities) stillThere(ctx context.Context, runs []*workflowpb.WorkflowExecutionInfo) (
	out []*workflowpb.WorkflowExecutionInfo, err error) {
	known := make([]bool, len(runs))
	looking, looks := errgroup.WithContext(ctx)
	looking.SetLimit(atOnce)
	for i, run := range runs {
		looking.Go(func() error {
			_, err := a.cfg.Client.DescribeWorkflow(looks, run.GetExecution().GetWorkflowId(), run.GetExecution().GetRunId())
			if notFound(err) {
				return nil
			}
			known[i] = true
			return hide(err)
		})
	}
	err = looking.Wait()
	for i, run := range runs {
		if known[i] {
			out = append(out, run)
		}
	}
	return out, err
}

// list returns the runs that visibility has.
func (a *Activities) list(ctx context.Context, query string) (out []*workflowpb.WorkflowExecutionInfo, err error) {
	var page []byte
	for {
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
