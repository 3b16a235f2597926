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

// wait waits for a duration, until a time of day, or until a moment that may move meanwhile.
func (r *run) wait(ctx workflow.Context, step *journey.Step) (int, error) {
	spec := step.Spec.(*journey.Wait)
	p := waitSpec{kind: step.Kind, step: step.ID, label: label(step), words: clockWords(spec)}
	why := ""
	timed, from := spec.Until != "" || spec.At != "", r.waitsFrom(ctx)
	switch {
	case r.resumesWait() && timed && r.state.Wait.Retime:
		until, _, err := r.moment(ctx, spec, r.state.Wait.Since)
		if err != nil {
			return 0, err
		}
		if until.IsZero() { // as where the moment goes missing during the wait
			until = r.now(ctx)
		}
		r.retime(ctx, until)
		p.until = until
	case r.resumesWait():
		p.until = r.resumedUntil(ctx, spec.Duration)
	case !timed:
		p.until = r.afterPlanned(ctx, from, spec.Duration)
	default:
		until, instead, err := r.moment(ctx, spec, from)
		if err != nil {
			return 0, err
		}
		p.until, why = until, instead
	}
	if spec.Until != "" || spec.At != "" && isLocal(spec.Timezone) {
		recast := recompute{run: r, spec: spec}
		p.recompute = recast.moment
	}
	// A wait that a run before this one began enters the loop even if it is due: the enrollment may be paused.
	if !r.resumesWait() && !p.until.After(from) {
		r.completeStep(ctx, step, r.noWait(spec, p.until, why), "", nil)
		return step.Next, nil
	}
	end, err := r.waitLoop(ctx, p)
	if err != nil {
		return 0, err
	}
	due := p.until
	if !timed {
		due = r.wouldEnd(spec.Duration, p.until)
	}
	r.leaveWait(end, due, nil)
	if end.cause == waitDue {
		r.completeStep(ctx, step, "", "", nil)
	}
	return step.Next, nil
}

// isLocal reports whether a time zone is the customer's own.
func isLocal(timezone string) bool { return timezone == "" || timezone == "customer" }

// clockWords describes a wait until a time of day: 09:00 on mon, tue, customer's time.
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

// recompute reads the moment of a wait again. A moment that has gone missing counts as now, which ends the wait.
type recompute struct {
	run  *run
	spec *journey.Wait
}

func (c recompute) moment(ctx workflow.Context) (time.Time, error) {
	now := c.run.now(ctx)
	if due := c.run.state.Wait.Until; c.spec.At != "" && !now.Before(due) {
		return due, nil // it has come: the next such time of day would be a day later
	}
	until, why, err := c.run.moment(ctx, c.spec, now)
	if err == nil && until.IsZero() {
		until = c.run.now(ctx)
		c.run.state.log(fmt.Sprintf("%s the wait ended: %s %s", stamp(until), clip(string(c.spec.Until), 80), why))
	}
	return until, err
}

// noWait describes why a wait did not wait. instead says what is where its moment should be.
func (r *run) noWait(spec *journey.Wait, until time.Time, instead string) string {
	switch {
	case spec.At != "":
		return fmt.Sprintf("went on at once: no clock shows %q", clip(string(spec.At), 80))
	case spec.Until == "":
		return ""
	case until.IsZero():
		return fmt.Sprintf("went on at once: %s %s", clip(string(spec.Until), 80), instead)
	}
	return "went on at once: " + stamp(until) + " is in the past"
}

// moment evaluates the until of a wait where the customer's data is, or the first such time of day after from. It returns the
// zero time if that is missing or unreadable, and in words what is there instead.
func (r *run) moment(ctx workflow.Context, spec *journey.Wait, from time.Time) (at time.Time, instead string, err error) {
	var result contract.EvaluateResult
	ask := contract.Evaluate{
		Ref:         r.ref(),
		EvalContext: r.evalContext(nil),
		Exprs:       []expr.Expr{spec.Until},
		Moment:      &contract.MomentSpec{Offset: spec.Offset, Timezone: spec.Timezone},
	}
	if spec.At != "" {
		ask.Exprs, ask.Moment = nil, &contract.MomentSpec{At: spec.At, Days: spec.Days, Timezone: spec.Timezone}
		if from.Before(r.now(ctx)) {
			ask.Moment.From = from
		}
	}
	if err := r.local(ctx, contract.EvaluateActivity, "compute when the wait ends", ask, &result); err != nil {
		return time.Time{}, "", err
	}
	instead = "is missing or not a date"
	if len(result.Why) > 0 {
		instead = clip(result.Why[0], 100)
	}
	if len(result.Values) == 0 || len(result.Missing) > 0 && result.Missing[0] {
		return time.Time{}, instead, nil
	}
	text, _ := result.Values[0].(string)
	if at, err = time.Parse(time.RFC3339Nano, text); err != nil {
		return time.Time{}, instead, nil
	}
	return at, "", nil
}
