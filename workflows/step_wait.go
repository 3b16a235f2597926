package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// wait parks for a duration, or until a moment that may move while it waits.
func (r *run) wait(ctx workflow.Context, step *journey.Step) (int, error) {
	spec := step.Spec.(*journey.Wait)
	p := parking{kind: step.Kind, step: step.ID, label: label(step)}
	switch {
	case r.midStep():
		p.until = r.st.Parking.Until
	case spec.Until == "":
		p.until = r.now(ctx).Add(spec.Duration)
	default:
		until, err := r.moment(ctx, spec)
		if err != nil {
			return 0, err
		}
		p.until = until
	}
	if spec.Until != "" {
		recast := recast{run: r, spec: spec}
		p.recast = recast.moment
		r.touched = false
	}
	if !p.until.After(r.now(ctx)) {
		r.pass(ctx, step, r.noWait(spec, p.until), nil)
		return step.Next, nil
	}
	due, err := r.park(ctx, p)
	if err != nil {
		return 0, err
	}
	r.st.age(r.look)
	if due {
		r.pass(ctx, step, "", nil)
	}
	return step.Next, nil
}

// recast reads the moment of a wait anew. One that has gone missing is now: the wait is over.
type recast struct {
	run  *run
	spec *journey.Wait
}

func (c recast) moment(ctx workflow.Context) (time.Time, error) {
	until, err := c.run.moment(ctx, c.spec)
	if until.IsZero() {
		until = c.run.now(ctx)
	}
	return until, err
}

// noWait says in words why a wait did not wait.
func (r *run) noWait(spec *journey.Wait, until time.Time) string {
	switch {
	case spec.Until == "":
		return ""
	case until.IsZero():
		return fmt.Sprintf("went on at once: %s is missing or no date", clip(string(spec.Until), 80))
	}
	return "went on at once: " + stamp(until) + " is past"
}

// moment reads the until of a wait where the customer is; the zero time where it is missing or unreadable.
func (r *run) moment(ctx workflow.Context, spec *journey.Wait) (time.Time, error) {
	var result EvaluateResult
	ask := Evaluate{Ref: r.ref(), Scene: r.scene(nil), Exprs: []journey.Expr{spec.Until}, Moment: &Moment{Offset: spec.Offset, Timezone: spec.Timezone}}
	if err := r.local(ctx, EvaluateActivity, "the moment to wait for", ask, &result); err != nil {
		return time.Time{}, err
	}
	if len(result.Values) == 0 || result.Missing[0] {
		return time.Time{}, nil
	}
	text, _ := result.Values[0].(string)
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, nil
	}
	return at, nil
}
