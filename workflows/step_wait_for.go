package workflows

import (
	"strconv"

	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// waitFor parks until an event of an arm has come, or its time is over.
func (r *run) waitFor(ctx workflow.Context, step *journey.Step) (int, error) {
	spec := step.Spec.(*journey.WaitFor)
	taking := &taking{run: r, spec: spec, key: r.key(step)}
	p := parking{kind: step.Kind, step: step.ID, label: label(step), words: taking.words(), look: taking.look}
	if r.midStep() {
		p.until = r.st.Parking.Until
	} else {
		p.until = r.now(ctx).Add(spec.Timeout)
	}
	due, err := r.park(ctx, p)
	if err != nil {
		return 0, err
	}
	r.st.age(r.look)
	if due {
		delete(r.st.Taken, step.ID) // what an earlier visit took
		r.pass(ctx, step, "timed out", ArmTimeout, map[string]any{"timed_out": true})
		return spec.OnTimeout, nil
	}
	if taking.event == nil { // it ended, or was moved
		return step.Next, nil
	}
	e := *taking.event
	r.st.Taken[step.ID] = e.ID
	r.st.Last = &e
	properties := e.Properties
	if properties == nil {
		properties = map[string]any{}
	}
	r.pass(ctx, step, e.Name, strconv.Itoa(taking.arm+1), map[string]any{"event": e.Name, "properties": properties, "timed_out": false})
	return spec.Arms[taking.arm].Then, nil
}

// taking looks for an event that an arm takes.
type taking struct {
	run   *run
	spec  *journey.WaitFor
	key   string // of this visit
	event *Event
	arm   int
}

// words name what is waited for.
func (t *taking) words() []string {
	var words []string
	for _, arm := range t.spec.Arms {
		words = append(words, arm.Events...)
	}
	return words
}

// look tries the kept events, oldest first; in each, the first arm that fits takes it.
func (t *taking) look(ctx workflow.Context) (bool, error) {
	r := t.run
	for i := 0; i < len(r.st.Kept); i++ {
		kept := r.st.Kept[i]
		if kept.Event.Handoff != "" || kept.Tried == t.key || kept.Old && t.spec.Since == "" {
			continue
		}
		var arms []int
		var exprs []journey.Expr
		for a, arm := range t.spec.Arms {
			if named(arm.Events, kept.Event.Name) {
				arms, exprs = append(arms, a), append(exprs, arm.When)
			}
		}
		if len(arms) == 0 {
			continue
		}
		answers, err := r.conditions(ctx, &kept.Event, exprs)
		if err != nil {
			return false, err
		}
		for n, a := range arms {
			if answers[n] {
				e := r.st.take(i)
				t.event, t.arm = &e, a
				return true, nil
			}
		}
		r.st.Kept[i].Tried = t.key
	}
	return false, nil
}
