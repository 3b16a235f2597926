package workflows

import (
	"errors"
	"strconv"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// callSlack is the time that an attempt may take besides its request: to render it, and to store the response.
const callSlack = 10 * time.Second

// call makes an HTTP request. It repeats the request for up to an hour if another attempt may succeed.
func (r *run) call(ctx workflow.Context, step *journey.Step) (int, error) {
	spec := step.Spec.(*journey.Call)
	order := contract.Call{Ref: r.ref(), EvalContext: r.evalContext(nil), Key: r.key(step), Step: step.ID, Spec: *spec,
		Reads: r.prog.Reads().Body}
	held := r.resumesWait() // a run before this one was held here: a call in progress is never continued as new
	for {
		if held {
			if err := r.hold(ctx, step, order.Key, time.Time{}); err != nil || r.exiting() {
				return step.Next, err
			}
		}
		result, answered, err := r.request(ctx, step, order)
		if err != nil {
			return 0, err
		}
		if r.exiting() {
			return step.Next, nil
		}
		if !answered { // paused: it is made again after resume, under the same key
			held = true
			continue
		}
		r.state.Calls[step.ID] = order.Key
		kept := map[string]any{"status": float64(result.Status)}
		if result.Body != nil {
			kept["body"] = result.Body
		}
		shown := "no answer"
		if result.Status != 0 {
			shown = strconv.Itoa(result.Status)
		}
		if !result.Failed {
			r.completeStep(ctx, step, shown, "", kept)
			return step.Next, nil
		}
		if result.Reason != "" {
			shown += " (" + clip(result.Reason, 200) + ")"
		}
		r.completeStep(ctx, step, "failed: "+shown, journey.ArmFailure, kept)
		return spec.OnFailure, nil
	}
}

// request makes the call. answered is false if something else ended the wait first. After the last attempt, its answer
// counts, whatever it is.
func (r *run) request(
	ctx workflow.Context,
	step *journey.Step,
	order contract.Call,
) (result contract.CallResult, answered bool, err error) {
	timeout := order.Spec.Timeout
	if timeout <= 0 {
		timeout = journey.DefaultCallTimeout
	}
	options := r.activityOptions(
		retryBudget{try: timeout + callSlack, patience: time.Hour, interval: time.Second, pause: 5 * time.Minute, growth: 2},
		"HTTP call: "+label(step),
	)
	waiting := waitSpec{kind: step.Kind, step: step.ID, label: label(step), key: order.Key, words: []string{"the response to its call"}}
	answered, err = r.race(ctx, waiting, options, contract.CallActivity, order, &result)
	var app *temporal.ApplicationError
	switch {
	case err == nil:
		return result, answered, nil
	case !answered, errors.As(err, &app) && app.Type() == contract.Superseded, temporal.IsCanceledError(err):
		return contract.CallResult{}, false, err
	}
	result = contract.CallResult{}
	if app != nil && app.HasDetails() {
		if bad := app.Details(&result); bad != nil {
			result = contract.CallResult{}
		}
	}
	result.Failed = true
	if result.Reason == "" {
		result.Reason = contract.RetriesEnded
	}
	return result, true, nil
}
