package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// retryBudget says how long, and how often, an activity is repeated. Except for try, times are virtual where the clock
// is slower than the wall: a simulation shall not repeat what fails a thousand times as often.
type retryBudget struct {
	try, patience   time.Duration // of one attempt, of all: at least a minute on the wall
	interval, pause time.Duration // between attempts: the first, and the longest
	growth          float64       // by which one interval is longer than that before
}

// activityOptions of an activity that this effort is made for.
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
		Summary: summary,
	}
}
