package workflows

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/number"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// A run whose history has reached one of these limits cancels its activity. The server suggests continuing as
// new at 4,096 events or 4 MiB, accepts 10,000 signals per run, and ends a run at 51,200 events or 50 MiB.
const (
	fullHistoryEvents = 10_000
	fullHistoryBytes  = 10 << 20
)

// maxActivityError is the maximum length of steps.<id>.error, in bytes.
const maxActivityError = 1000

// activity runs an activity of a worker that is not tabi's, and waits for its result.
//
// The activity is scheduled by its name on the task queue that the journey names. The wait loop runs meanwhile: goal,
// exits, reroutes, commands and the journey's timeout count as in any wait, and whatever ends or reroutes the enrollment
// cancels the activity.
//
// The invariants:
//
//   - The store knows the enrollment as this run's before the activity is scheduled. A start may be repeated, so that two
//     runs of one enrollment exist for a moment; the report refuses the second one before it schedules anything.
//   - A run never continues as new while the activity runs: the next run could not receive the result, and scheduling the
//     activity again would repeat it. If the server suggests continuing as new, the run does so before it schedules, and
//     the next run schedules the activity. The activity therefore begins with a short history.
//   - A full history ends the activity, not the run. At 10,000 events the run cancels the activity and takes on_failure,
//     with the reason as error. Every signal is at least one event, so the server's limit of 10,000 signals is never
//     reached first. Beyond that limit customers' events would wait in the outbox for as long as the activity runs.
//   - The enrollment never fails because the activity does, whatever the cause: it takes on_failure.
//
// Example: ReserveSeat may take 4 hours. The customer cancels the order after 10 minutes, and the journey has an exit
// for that. The wait loop ends with Ended set, and the deferred cancel asks the server to cancel the activity. Its worker
// learns of it with its next heartbeat, and what it returns afterwards is dropped.
//
// A pause does not cancel the activity. Resuming would have to schedule the same id again while the first may still run.
//
// See docs/language/activity.md and docs/decisions/0016.
func (r *run) activity(ctx workflow.Context, step *journey.Step) (int, error) {
	spec := step.Spec.(*journey.Activity)
	key := r.key(step)
	if r.resumesWait() { // a former run parked here, before it scheduled the activity
		if err := r.hold(ctx, step, key, time.Time{}); err != nil || r.exiting() {
			return step.Next, err
		}
	}
	p := waitSpec{kind: step.Kind, step: step.ID, label: label(step), key: key, words: []string{spec.Name + " on " + spec.TaskQueue}}
	r.recordWait(ctx, p)
	if err := r.reportWait(ctx); err != nil {
		return 0, err
	}
	if err := r.continueAsNew(ctx, &wait{waitSpec: p}); err != nil {
		return 0, err
	}
	result, failure, answered, err := r.runActivity(ctx, spec, p)
	if err != nil || !answered {
		return step.Next, err
	}
	if failure != "" {
		failure = clip(failure, maxActivityError)
		r.completeStep(ctx, step, "failed: "+clip(failure, 200), journey.ArmFailure, map[string]any{"error": failure})
		return spec.OnFailure, nil
	}
	r.completeStep(ctx, step, "done", "", map[string]any{"result": result})
	return step.Next, nil
}

// runActivity runs the activity and returns its result, or in words why it failed. answered is false if the enrollment
// ended or moved elsewhere first.
func (r *run) runActivity(ctx workflow.Context, spec *journey.Activity, p waitSpec) (
	result any, failure string, answered bool, err error) {
	if spec.TaskQueue == workflow.GetInfo(ctx).TaskQueueName {
		return nil, fmt.Sprintf("the task queue %s is tabi's own, whose activities no journey may name", spec.TaskQueue), true, nil
	}
	input, failure, err := r.activityInput(ctx, spec)
	if err != nil || failure != "" {
		return nil, failure, true, err
	}
	activityCtx, cancel := workflow.WithCancel(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ActivityID:             p.key,
		TaskQueue:              spec.TaskQueue,
		StartToCloseTimeout:    spec.Timeout,
		ScheduleToCloseTimeout: max(r.in.Clock.Real(spec.RetryFor), spec.Timeout),
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    time.Second,
			BackoffCoefficient: 2,
			MaximumInterval:    5 * time.Minute,
		},
		Summary: contract.Summary(p.words[0] + ", since " + stamp(r.now(ctx))),
	}))
	defer cancel()
	done := workflow.ExecuteActivity(activityCtx, spec.Name, input)
	p.activity, p.wake = true, done.IsReady
	p.find = func(ctx workflow.Context, _ *wait) (bool, error) { return done.IsReady() || historyFull(ctx), nil }
	if _, err := r.waitLoop(ctx, p); err != nil || r.exiting() {
		return nil, "", false, err
	}
	if !done.IsReady() {
		return nil, "it was canceled because the history of this workflow is full: too many events came while it ran", true, nil
	}
	var raw converter.RawValue
	if err := done.Get(ctx, &raw); err != nil {
		if ctx.Err() != nil {
			return nil, "", false, ctx.Err()
		}
		return nil, activityFailure(err, spec), true, nil
	}
	result, failure = activityResult(raw)
	return result, failure, true, nil
}

// historyFull reports whether the run's history is too long to wait any longer for an activity.
func historyFull(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return info.GetCurrentHistoryLength() >= fullHistoryEvents || info.GetCurrentHistorySize() >= fullHistoryBytes
}

// activityInput returns the input as one JSON object, or in words why it cannot be sent. Expressions that read the
// customer are evaluated where the data is, all in one local activity. A key whose expression has no value is left out.
func (r *run) activityInput(ctx workflow.Context, spec *journey.Activity) (input json.RawMessage, failure string, err error) {
	values := map[string]any{}
	var keys []string
	var remote []expr.Expr
	for _, key := range workflow.DeterministicKeys(spec.Input) {
		source := spec.Input[key]
		if r.prog.Remote(source) {
			keys, remote = append(keys, key), append(remote, source)
		} else if value, err := r.prog.Eval(source, r.vars(ctx, nil)); err == nil {
			values[key] = expr.ToPlain(value)
		}
	}
	if len(remote) > 0 {
		var result contract.EvaluateResult
		order := contract.Evaluate{Ref: r.ref(), EvalContext: r.evalContext(nil), Exprs: remote}
		if err := r.local(ctx, contract.EvaluateActivity, "the input of "+clip(spec.Name, 80), order, &result); err != nil {
			return nil, "", err
		}
		for i, key := range keys {
			if i < len(result.Values) && !result.Missing[i] {
				values[key] = result.Values[i]
			}
		}
	}
	input, bad := json.Marshal(values)
	switch {
	case bad != nil:
		return nil, "its input is no JSON: " + bad.Error(), nil
	case len(input) > journey.MaxActivityPayload:
		return nil, fmt.Sprintf("its input has %d bytes of JSON; at most %d are allowed", len(input), journey.MaxActivityPayload), nil
	}
	return input, "", nil
}

// activityResult decodes what an activity returned: any JSON value, or nil for nothing. failure says in words why the
// result cannot be used.
func activityResult(raw converter.RawValue) (result any, failure string) {
	p := raw.Payload()
	switch encoding := string(p.GetMetadata()[converter.MetadataEncoding]); {
	case p == nil, encoding == converter.MetadataEncodingNil:
		return nil, ""
	case len(p.GetData()) > journey.MaxActivityPayload:
		return nil, fmt.Sprintf("its result has %d bytes of JSON; at most %d are allowed", len(p.GetData()), journey.MaxActivityPayload)
	case encoding != converter.MetadataEncodingJSON && encoding != converter.MetadataEncodingProtoJSON:
		return nil, fmt.Sprintf("its result is no JSON but %s", clip(encoding, 100))
	}
	if err := number.Decode(p.GetData(), &result); err != nil {
		return nil, "its result is no JSON: " + err.Error()
	}
	return result, ""
}

// activityFailure returns in words why an activity failed: the worker's last error, if there is one.
func activityFailure(err error, spec *journey.Activity) string {
	var app *temporal.ApplicationError
	var late *temporal.TimeoutError
	switch {
	case errors.As(err, &app) && app.Message() != "":
		return app.Message()
	case app != nil:
		return "an error of the type " + app.Type()
	case errors.As(err, &late) && late.TimeoutType() == enumspb.TIMEOUT_TYPE_START_TO_CLOSE:
		return "no attempt ended within " + clock.FormatDuration(spec.Timeout)
	case late != nil:
		return fmt.Sprintf("it was not done within %s; is there a worker on the task queue %s?", clock.FormatDuration(spec.RetryFor),
			spec.TaskQueue)
	case temporal.IsCanceledError(err):
		return "it was canceled"
	}
	return err.Error()
}
