package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// waitFor waits until an event fits an arm, an intent reaches the level of one, or its time is over.
func (r *run) waitFor(ctx workflow.Context, step *journey.Step) (int, error) {
	spec := step.Spec.(*journey.WaitFor)
	taking := &eventMatch{run: r, spec: spec, key: r.key(step), arm: -1}
	p := waitSpec{kind: step.Kind, step: step.ID, label: label(step), words: taking.words(), find: taking.find, levels: taking.levels()}
	if r.resumesWait() {
		p.until = r.resumedUntil(ctx, spec.Timeout)
	} else {
		p.until = r.afterPlanned(ctx, r.waitsFrom(ctx), spec.Timeout)
	}
	end, err := r.waitLoop(ctx, p)
	if err != nil {
		return 0, err
	}
	r.leaveWait(end, r.wouldEnd(spec.Timeout, p.until), taking.event)
	if end.cause == waitDue {
		delete(r.state.Taken, step.ID) // what an earlier visit took
		r.completeStep(ctx, step, "timed out", journey.ArmTimeout, map[string]any{"timed_out": true})
		return spec.OnTimeout, nil
	}
	if end.cause != waitFound {
		return step.Next, nil
	}
	arm := spec.Arms[taking.arm]
	if taking.event != nil {
		e := *taking.event
		r.state.Last = &e
	}
	if arm.Level != nil {
		delete(r.state.Taken, step.ID) // an intent took this arm, not an event
		result := map[string]any{"event": "", "properties": map[string]any{}, "timed_out": false, "intent": arm.Level.Intent}
		r.completeStep(ctx, step, arm.Level.Words(), journey.ArmNumber(taking.arm), result)
		return arm.Then, nil
	}
	r.state.Taken[step.ID] = r.state.Last.ID
	r.completeStep(
		ctx,
		step,
		r.state.Last.Event.Name,
		journey.ArmNumber(taking.arm),
		map[string]any{"event": r.state.Last.Event.Name, "properties": r.state.Last.Event.Values(), "timed_out": false},
	)
	return arm.Then, nil
}

// eventMatch finds an event that an arm takes, or an arm whose level holds.
type eventMatch struct {
	run   *run
	spec  *journey.WaitFor
	key   string             // of this visit
	event *contract.Delivery // that was taken; for an arm by level, the current event, if any
	arm   int                // from 0; -1: none yet
}

// words returns what is waited for, for people.
func (t *eventMatch) words() []string {
	var words []string
	for _, arm := range t.spec.Arms {
		if arm.Level != nil {
			words = append(words, arm.Level.Words())
		}
		words = append(words, arm.Events...)
	}
	return words
}

// levels returns the levels that are waited for.
func (t *eventMatch) levels() []journey.Level {
	var levels []journey.Level
	for _, arm := range t.spec.Arms {
		if arm.Level != nil {
			levels = append(levels, *arm.Level)
		}
	}
	return levels
}

// find tries the buffered events, oldest first; the first arm that fits takes the event. If the level of an arm holds,
// that arm wins over those after it.
func (t *eventMatch) find(ctx workflow.Context, w *wait) (bool, error) {
	r := t.run
	level := slices.IndexFunc(t.spec.Arms, func(arm journey.EventArm) bool {
		return arm.Level != nil && w.levelHolds[arm.Level.Words()]
	})
	before := t.spec.Arms
	if level >= 0 {
		before = before[:level]
	}
	for i := 0; i < len(r.state.Buffer); i++ {
		kept := r.state.Buffer[i]
		if kept.Delivery.Event == nil || kept.Tried == t.key || kept.Old && t.spec.Since == "" {
			continue
		}
		if kept.Delivery.Received.After(w.until) { // it arrived after this wait was over, and belongs to the next step
			continue
		}
		var arms []int
		var exprs []expr.Expr
		for a, arm := range before {
			if armTakes(arm, kept.Delivery.Event.Name) {
				arms, exprs = append(arms, a), append(exprs, arm.When)
			}
		}
		if len(arms) == 0 {
			continue
		}
		answers, err := r.conditions(ctx, &kept.Delivery, exprs)
		if err != nil {
			return false, err
		}
		for n, a := range arms {
			if answers[n] {
				e := r.state.unbuffer(i)
				t.event, t.arm = &e, a
				return true, nil
			}
		}
		r.state.Buffer[i].Tried = t.key
	}
	if level < 0 {
		return false, nil
	}
	t.event, t.arm = w.current, level
	if w.current != nil { // the arm takes the event that made the level hold
		r.state.Buffer = slices.DeleteFunc(r.state.Buffer, func(b Buffered) bool { return b.Delivery.ID == w.current.ID })
	}
	return true, nil
}
