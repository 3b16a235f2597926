package simulate

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// sdkInterceptor runs activities synchronously, in the interpreter's own workflow task (nothing is replayed here).
// The environment never waits for another goroutine, and its clock moves only by skipping, so the same scenario
// always takes the same course.
type sdkInterceptor struct {
	interceptor.WorkerInterceptorBase
	run *scenarioRun
}

// InterceptWorkflow intercepts journeys, but not the driver.
func (w *sdkInterceptor) InterceptWorkflow(
	ctx workflow.Context,
	next interceptor.WorkflowInboundInterceptor,
) interceptor.WorkflowInboundInterceptor {
	if workflow.GetInfo(ctx).WorkflowType.Name != contract.JourneyType {
		return next
	}
	return &inbound{WorkflowInboundInterceptorBase: interceptor.WorkflowInboundInterceptorBase{Next: next}, run: w.run}
}

type inbound struct {
	interceptor.WorkflowInboundInterceptorBase
	run *scenarioRun
}

func (i *inbound) Init(next interceptor.WorkflowOutboundInterceptor) error {
	return i.Next.Init(&outbound{WorkflowOutboundInterceptorBase: interceptor.WorkflowOutboundInterceptorBase{Next: next}, run: i.run})
}

// outbound intercepts what a journey asks of the SDK.
type outbound struct {
	interceptor.WorkflowOutboundInterceptorBase
	run *scenarioRun
}

// GetInfo adds the first run id, which the environment leaves out and the data side identifies runs by.
func (o *outbound) GetInfo(ctx workflow.Context) *workflow.Info {
	info := *o.Next.GetInfo(ctx)
	if info.FirstRunID == "" {
		info.FirstRunID = info.WorkflowExecution.RunID
	}
	return &info
}

// NewTimerWithOptions sets the timer for the exact moment of a virtual time on the environment's clock.
func (o *outbound) NewTimerWithOptions(ctx workflow.Context, d time.Duration, options workflow.TimerOptions) workflow.Future {
	now := o.Next.Now(ctx)
	if d > 0 {
		c := o.run.clock
		if exact := c.Wall(c.At(now.Add(d))).Sub(now); exact > 0 {
			d = exact
		}
	}
	if o.run.clock.At(now.Add(d)).Sub(o.run.clock.Origin) > horizon {
		o.run.stop(fmt.Errorf("an enrollment waits for more than %d years from the start, which is too long to simulate", horizon/year))
	}
	return o.Next.NewTimerWithOptions(ctx, d, options)
}

// SetQueryHandlerWithOptions keeps the handler of the state query, by which expectations read an enrollment.
func (o *outbound) SetQueryHandlerWithOptions(ctx workflow.Context, name string, handler any, options workflow.QueryHandlerOptions) error {
	if view, ok := handler.(func() (contract.State, error)); ok && name == contract.StateQuery {
		if i := o.run.byWorkflowID(o.Next.GetInfo(ctx).WorkflowExecution.ID); i != nil {
			i.view = view
		}
	}
	return o.Next.SetQueryHandlerWithOptions(ctx, name, handler, options)
}

func (o *outbound) ExecuteLocalActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	policy := workflow.GetLocalActivityOptions(ctx).RetryPolicy
	return o.perform(ctx, attempts{name: name, local: true, args: args, policy: policy})
}

func (o *outbound) ExecuteActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	options := workflow.GetActivityOptions(ctx)
	if options.TaskQueue != o.Next.GetInfo(ctx).TaskQueueName { // of a worker that is not tabi's: the scenario answers for it
		return o.run.answerActivity(ctx, options.ActivityID)
	}
	a := attempts{name: name, args: args, policy: options.RetryPolicy}
	if options.ScheduleToCloseTimeout > 0 {
		a.until = o.Next.Now(ctx).Add(options.ScheduleToCloseTimeout)
	}
	return o.perform(ctx, a)
}

// localTries is how often a local activity is tried. Nothing else runs in a scenario, so what the data side refuses
// that often it will always refuse.
const localTries = 5

// attempts are the tries of one activity, paced by the interpreter's retry policy.
type attempts struct {
	name   string
	local  bool
	args   []any
	policy *temporal.RetryPolicy
	until  time.Time
	tried  int
	last   error
}

// perform runs the activity at once. If it must be repeated, a coroutine repeats it, which the interpreter's
// cancellation ends.
func (o *outbound) perform(ctx workflow.Context, a attempts) workflow.Future {
	future, settle := workflow.NewFuture(ctx)
	if !o.try(&a, settle) {
		workflow.Go(ctx, func(ctx workflow.Context) {
			for {
				wait, again := a.backoff(o.Next.Now(ctx))
				if !again {
					settle.SetError(a.last)
					return
				}
				if err := workflow.Sleep(ctx, wait); err != nil {
					settle.SetError(err)
					return
				}
				if o.try(&a, settle) {
					return
				}
			}
		})
	}
	return future
}

// try makes one attempt; false asks for another.
func (o *outbound) try(a *attempts, settle workflow.Settable) bool {
	w := o.run
	a.tried++
	if a.tried == 2 {
		a.again()
	}
	answer := w.callActivity(a.name, a.local, a.args)
	switch {
	case answer.err == nil:
		settle.Set(answer.result, nil)
		return true
	case w.stopped != nil, a.final(answer.err):
		settle.SetError(answer.err)
		return true
	case a.local && a.tried >= localTries:
		w.stop(fmt.Errorf("activity %s keeps failing: %w", a.name, answer.err))
		settle.SetError(answer.err)
		return true
	}
	a.last = answer.err
	return false
}

// again removes from the input what is meant for the first attempt only: the provider's Retry-After.
func (a *attempts) again() {
	if send, ok := a.args[0].(contract.Send); ok {
		send.After, send.Why = 0, ""
		a.args = []any{send}
	}
}

// final reports whether an error must not be retried.
func (a *attempts) final(err error) bool {
	var app *temporal.ApplicationError
	if errors.As(err, &app) && (app.NonRetryable() || a.policy != nil && slices.Contains(a.policy.NonRetryableErrorTypes, app.Type())) {
		return true
	}
	return a.policy != nil && a.policy.MaximumAttempts > 0 && a.tried >= int(a.policy.MaximumAttempts)
}

// backoff returns the pause before the next attempt on the environment's clock, by the SDK's rules; false if the
// schedule-to-close time would be over by then. It imitates the server's retries in workflow time, so a library that
// sleeps cannot do it.
func (a *attempts) backoff(now time.Time) (time.Duration, bool) {
	wait, coefficient, most := time.Second, 2.0, 100*time.Second
	if p := a.policy; p != nil {
		wait = cmp.Or(p.InitialInterval, wait)
		coefficient = cmp.Or(p.BackoffCoefficient, coefficient)
		most = cmp.Or(p.MaximumInterval, 100*wait)
	}
	for n := 1; n < a.tried && wait < most; n++ {
		wait = time.Duration(float64(wait) * coefficient)
	}
	var app *temporal.ApplicationError
	if wait = min(wait, most); errors.As(a.last, &app) && app.NextRetryDelay() > 0 {
		wait = app.NextRetryDelay()
	}
	return wait, a.until.IsZero() || now.Add(wait).Before(a.until)
}

// answerActivity returns the scenario's answer to the step `activity` whose visit has this key: by default an empty
// object. An error is final at once.
func (w *scenarioRun) answerActivity(ctx workflow.Context, key string) workflow.Future {
	w.countWork()
	future, settle := workflow.NewFuture(ctx)
	answer, given := w.scenario.Activities[path.Base(path.Dir(key))]
	if !given {
		answer.Result = map[string]any{}
	}
	if answer.Error != "" {
		settle.SetError(asWorkflowSees(temporal.NewNonRetryableApplicationError(answer.Error, "Scenario", nil)))
		return future
	}
	settle.Set(converter.GetDefaultDataConverter().ToPayloads(answer.Result))
	return future
}
