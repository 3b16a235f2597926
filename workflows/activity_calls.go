package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// ref says on whose behalf an activity acts.
func (r *run) ref() contract.Ref {
	return contract.Ref{
		Enrollment: r.in.Enrollment,
		Chain:      r.chain,
		Journey:    r.in.Journey,
		Revision:   r.in.Revision,
		Customer:   r.in.Customer,
		Clock:      r.in.Clock,
	}
}

// Limits of a local activity: one try ends after localTry, which outlasts a channel's own time-out; tries go on
// until the world is back.
const (
	localTry      = 7 * time.Second
	localPatience = 10 * 365 * 24 * time.Hour
)

// local runs an activity in this worker, at no history but its marker. It is repeated until it is done or
// refused for good.
func (r *run) local(ctx workflow.Context, name, summary string, in, out any) error {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout:    localTry,
		ScheduleToCloseTimeout: localPatience,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: 100 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: time.Minute,
			NonRetryableErrorTypes: []string{contract.Superseded},
		},
		Summary: summary,
	})
	return workflow.ExecuteLocalActivity(ctx, name, in).Get(ctx, out)
}

// report informs the store what was passed, and where the enrollment is parked or how it ended.
func (r *run) report(ctx workflow.Context, parked *contract.Position) error {
	r.state.Reports++
	passed := r.state.Passed
	r.state.Passed = nil
	what := "tell the store how it ended"
	out := contract.Report{Ref: r.ref(), Seq: r.state.Reports, Passed: passed, Parked: parked, Ended: r.state.Ended}
	if parked != nil {
		what, out.Key = "tell the store where it waits", r.state.Wait.Key
	}
	err := r.local(ctx, contract.ReportActivity, what, out, nil)
	if err != nil {
		r.state.Passed = append(passed, r.state.Passed...) // the next report tells it
	}
	return err
}

// reportWait reports a wait once.
func (r *run) reportWait(ctx workflow.Context) error {
	if r.state.Wait == nil || r.state.Wait.Reported {
		return nil
	}
	r.state.Wait.Reported = true
	parked := r.state.Wait.Position
	return r.report(ctx, &parked)
}

// race runs a normal activity while events, orders and the enrollment's deadline race it. answered is false
// where one of those came first, or a pause: it is cancelled then. An error with answered is the activity's.
func (r *run) race(
	ctx workflow.Context,
	p waitSpec,
	options workflow.ActivityOptions,
	name string,
	in, out any,
) (answered bool, err error) {
	activityCtx, cancel := workflow.WithCancel(workflow.WithActivityOptions(ctx, options))
	defer cancel()
	done := workflow.ExecuteActivity(activityCtx, name, in)
	p.find = func(workflow.Context, *wait) (bool, error) { return done.IsReady(), nil }
	p.wake, p.yields, p.activity = done.IsReady, true, true
	if _, err := r.waitLoop(ctx, p); err != nil {
		return false, err
	}
	if !done.IsReady() {
		if r.state.Paused {
			r.state.Wait = nil
		}
		return false, nil
	}
	r.state.Wait = nil
	return true, done.Get(ctx, out)
}
