package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// wait parks for a duration, until a time of day, or until a moment that may move while it waits.
func (r *run) wait(ctx workflow.Context, step *journey.Step) (int, error) {
	spec := step.Spec.(*journey.Wait)
	p := waitSpec{kind: step.Kind, step: step.ID, label: label(step), words: clockWords(spec)}
	timed := spec.Until != "" || spec.At != ""
	switch {
	case r.resumesWait():
		p.until = r.state.Wait.Until
	case !timed:
		p.until = r.now(ctx).Add(spec.Duration)
	default:
		until, err := r.moment(ctx, spec)
		if err != nil {
			return 0, err
		}
		p.until = until
	}
	if spec.Until != "" || spec.At != "" && isLocal(spec.Timezone) {
		recast := recompute{run: r, spec: spec}
		p.recompute = recast.moment
	}
	// A wait that was already waiting parks again even if it is due: the run may be paused.
	if !r.resumesWait() && !p.until.After(r.now(ctx)) {
		r.completeStep(ctx, step, r.noWait(spec, p.until), "", nil)
		return step.Next, nil
	}
	end, err := r.waitLoop(ctx, p)
	if err != nil {
		return 0, err
	}
	r.markBufferOld(end)
	if end.cause == waitDue {
		r.completeStep(ctx, step, "", "", nil)
	}
	return step.Next, nil
}

// isLocal reports whether a time zone is each customer's own.
func isLocal(timezone string) bool { return timezone == "" || timezone == "customer" }

// clockWords say what a wait until a time of day waits for: 09:00 on mon, tue, customer's time.
func clockWords(spec *journey.Wait) []string {
	if spec.At == "" {
		return nil
	}
	text := string(spec.At)
	if len(spec.Days) > 0 {
		text += " on " + strings.Join(spec.Days, ", ")
	}
	if isLocal(spec.Timezone) {
		return []string{text + ", customer's time"}
	}
	return []string{text + ", " + spec.Timezone}
}

// recompute reads the moment of a wait again. One that has gone missing is now: the wait is over.
type recompute struct {
	run  *run
	spec *journey.Wait
}

func (c recompute) moment(ctx workflow.Context) (time.Time, error) {
	now := c.run.now(ctx)
	if due := c.run.state.Wait.Until; c.spec.At != "" && !now.Before(due) {
		return due, nil // that time of day has come: the next one would be another
	}
	until, err := c.run.moment(ctx, c.spec)
	if until.IsZero() {
		until = c.run.now(ctx)
	}
	return until, err
}

// noWait says in words why a wait did not wait.
func (r *run) noWait(spec *journey.Wait, until time.Time) string {
	switch {
	case spec.At != "":
		return fmt.Sprintf("went on at once: no clock shows %q", clip(string(spec.At), 80))
	case spec.Until == "":
		return ""
	case until.IsZero():
		return fmt.Sprintf("went on at once: %s is missing or no date", clip(string(spec.Until), 80))
	}
	return "went on at once: " + stamp(until) + " is past"
}

// moment reads the until of a wait where the customer is; the zero time where it is missing or unreadable.
func (r *run) moment(ctx workflow.Context, spec *journey.Wait) (time.Time, error) {
	var result contract.EvaluateResult
	ask := contract.Evaluate{
		Ref:         r.ref(),
		EvalContext: r.evalContext(nil),
		Exprs:       []expr.Expr{spec.Until},
		Moment:      &contract.MomentSpec{Offset: spec.Offset, Timezone: spec.Timezone},
	}
	if spec.At != "" {
		ask.Exprs, ask.Moment = nil, &contract.MomentSpec{At: spec.At, Days: spec.Days, Timezone: spec.Timezone}
	}
	if err := r.local(ctx, contract.EvaluateActivity, "the moment to wait for", ask, &result); err != nil {
		return time.Time{}, err
	}
	if len(result.Values) == 0 || len(result.Missing) > 0 && result.Missing[0] {
		return time.Time{}, nil
	}
	text, _ := result.Values[0].(string)
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, nil
	}
	return at, nil
}
