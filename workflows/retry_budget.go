package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// retryBudget says how long, and how often, an activity is repeated. Except for try, times are virtual where the clock
// is slower than the wall: a simulation shall not repeat what fails a thousand times as often.
type retryBudget struct {
	try, patience   time.Duration // of one attempt, of all: at least a minute on the wall
	interval, pause time.Duration // between attempts: the first, and the longest
	growth          float64       // by which one interval is longer than that before
}

// options of an activity that this effort is made for.
func (r *run) options(e retryBudget, summary string) workflow.ActivityOptions {
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
		Summary: summary,
	}
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

// hold parks at a step that a pause interrupted, until it is resumed; with until, at one that quiet hours hold
// back, until they end.
func (r *run) hold(ctx workflow.Context, step *journey.Step, key string, until time.Time) error {
	p := waitSpec{kind: step.Kind, step: step.ID, label: label(step), key: key, until: until, words: []string{"quiet hours to end"}}
	if until.IsZero() {
		p.words = []string{"the journey to be resumed"}
		p.find = resumed
	}
	_, err := r.waitLoop(ctx, p)
	if r.state.Jump == nil {
		r.state.Wait = nil
	}
	return err
}
