package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// ref says for which enrollment an activity acts.
func (r *run) ref() contract.Ref {
	return contract.Ref{
		Enrollment: r.in.Enrollment,
		Chain:      r.chain,
		Journey:    r.in.Journey,
		Revision:   r.in.Revision,
		Clock:      r.in.Clock,
	}
}

// Limits of a local activity. One try ends after localTry, which is longer than a channel's own time-out. Tries
// continue until the store is back.
const (
	localTry      = 7 * time.Second
	localPatience = 10 * 365 * 24 * time.Hour
)

// local runs an activity in this worker; its marker is all it adds to history. It is repeated until it succeeds or is
// refused for good.
func (r *run) local(ctx workflow.Context, name, summary string, in, out any) error {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout:    localTry,
		ScheduleToCloseTimeout: localPatience,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: 100 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: time.Minute,
			NonRetryableErrorTypes: []string{contract.Superseded},
		},
		Summary: contract.Summary(summary),
	})
	return workflow.ExecuteLocalActivity(ctx, name, in).Get(ctx, out)
}

// report reports to the store the steps that were passed, and where the enrollment waits or how it ended.
func (r *run) report(ctx workflow.Context, parked *contract.Position) error {
	r.state.Reports++
	passed := r.state.Passed
	acts := r.state.Acts
	r.state.Passed, r.state.Acts = nil, nil
	what := "report how the enrollment ended"
	out := contract.Report{Ref: r.ref(), Seq: r.state.Reports, Passed: passed, Parked: parked, Ended: r.state.Ended, Acts: acts}
	if parked != nil {
		what, out.Key = "report where the enrollment waits", r.state.Wait.Key
		out.Snapshot = r.state.reportable()
	}
	err := r.local(ctx, contract.ReportActivity, what, out, nil)
	if err != nil {
		r.state.Passed = append(passed, r.state.Passed...) // for the next report
		r.state.Acts = append(acts, r.state.Acts...)
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

// race runs a normal activity while the run handles its inbox and its deadline. answered is false if one of those ended
// the wait first, or a pause: the activity is then canceled. If answered is true, err is the activity's error.
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

// retryBudget says how long, and how often, an activity is repeated. On a clock that is slower than the wall all times
// except try are virtual, so that a failing activity is not repeated a thousand times as often.
type retryBudget struct {
	try, patience   time.Duration // for one attempt, and for all: at least a minute of real time
	interval, pause time.Duration // between two attempts: at first, and at most
	growth          float64       // the factor between one interval and the next
}

// activityOptions returns the options of a normal activity with this budget.
func (r *run) activityOptions(e retryBudget, summary string) workflow.ActivityOptions {
	clock := r.in.Clock
	return workflow.ActivityOptions{
		StartToCloseTimeout:    e.try,
		ScheduleToCloseTimeout: max(clock.Real(e.patience), time.Minute, 2*e.try),
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: max(
				clock.Real(e.interval),
				e.interval,
			), BackoffCoefficient: e.growth, MaximumInterval: max(clock.Real(e.pause), e.pause),
			NonRetryableErrorTypes: []string{contract.Superseded},
		},
		Summary: contract.Summary(summary),
	}
}
