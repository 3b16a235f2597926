package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

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
		Summary: summary,
	}
}
