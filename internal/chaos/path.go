package main

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows"
)

// walk goes the way of an instance through its definition, as the language says, and holds what the instance did against it. It knows
// the kinds of steps that the journeys of this package have.
type walk struct {
	r       *result
	e       *enrolment
	pass    *passage
	def     *journey.Definition
	events  []*storedEvent // of this passage, in order of arrival
	at      int            // index of the step that comes next
	visits  map[string]int
	round   int
	moment  time.Time // virtual: when the instance came to that step
	opened  time.Time // since when events count for the next wait_for
	sends   map[string]bool
	taken   map[string]bool // events used up
	outcome string          // of an exit
}

// slack is how far the moments of the store, of Temporal and of the workflow may lie apart: a second of the wall, in virtual time. An event's moment
// is that of the call it came by, which may take as long as its client waits until it is committed: that is the doubt.
func (w *walk) slack() time.Duration { return w.r.virtual(time.Second) }
func (w *walk) doubt() time.Duration { return w.r.virtual(patience + time.Second) }

// follow walks until the passages end.
func (w *walk) follow() {
	w.moment = time.UnixMilli(w.e.entered)
	w.opened = w.moment
	for i, p := range w.e.passed {
		if w.at == journey.End {
			w.wrong("passed %s behind the end of its path", p.Step)
			return
		}
		step := w.def.Steps[w.at]
		if p.Step != step.ID {
			w.wrong("passage %d is %s, the journey goes to %s", i+1, p.Step, step.ID)
			return
		}
		w.visits[step.ID]++
		if p.Visit != w.visits[step.ID] {
			w.wrong("visit %d of %s is its %d.", p.Visit, step.ID, w.visits[step.ID])
		}
		if w.outcome != "" {
			w.wrong("passed %s behind its exit", p.Step)
			return
		}
		w.at = w.pace(step, p)
		if p.At.After(w.moment) {
			w.moment = p.At
		}
	}
	w.end()
}

// pace checks one passage, and gives the step behind it.
func (w *walk) pace(step journey.Step, p workflows.Passage) int {
	switch spec := step.Spec.(type) {
	case *journey.Set:
		w.round++
	case *journey.GoTo:
		return spec.To
	case *journey.Exit:
		w.outcome = spec.Outcome
	case *journey.Wait:
		w.waited(step, p, w.moment.Add(spec.Duration))
		w.opened = p.At
	case *journey.Branch:
		more := w.round < w.pass.rounds
		if more != (p.Arm == "1") {
			w.wrong("the branch %s went %q in round %d of %d", step.ID, p.Arm, w.round, w.pass.rounds)
		}
		if p.Arm == "1" {
			return spec.Arms[0].Then
		}
		return spec.Else
	case *journey.WaitFor:
		return w.answered(step, spec, p)
	case *journey.Send:
		return w.sent(step, spec, p)
	default:
		w.wrong("the walk does not know steps of kind %s", step.Kind)
	}
	return step.Next
}

// waited holds a wake against the moment it was due.
func (w *walk) waited(step journey.Step, p workflows.Passage, due time.Time) {
	if p.At.Before(due.Add(-w.slack())) {
		w.wrong("%s was over at %s, before it was due at %s", step.ID, p.At, due)
	}
	if g := w.goal(w.slack()); g != nil && due.After(time.UnixMilli(g.received).Add(w.doubt())) {
		w.wrong("%s was waited out until %s, though the goal %s had come before", step.ID, due, g.id)
	}
}

// answered holds the way a wait_for went against the events that came.
func (w *walk) answered(step journey.Step, spec *journey.WaitFor, p workflows.Passage) int {
	due := w.moment.Add(spec.Timeout)
	var inTime, possible *storedEvent // for sure, and at the margin
	for _, e := range w.events {
		if !slices.Contains(spec.Arms[0].Events, e.name) || w.taken[e.id] {
			continue
		}
		came := time.UnixMilli(e.received)
		// Events go before the clock: one that came while nobody was there to see the time run out counts.
		if came.After(w.opened.Add(-w.doubt())) && came.Before(later(due, p.At).Add(w.slack())) {
			possible = e
		}
		if came.After(w.opened.Add(w.slack())) && came.Before(due.Add(-w.doubt())) {
			inTime = e
		}
	}
	if p.Arm == workflows.ArmTimeout {
		if inTime != nil {
			w.wrong("%s timed out, though %s had come in time", step.ID, inTime.id)
		}
		w.waited(step, p, due)
		w.opened = p.At
		return spec.OnTimeout
	}
	if possible == nil {
		w.wrong("%s was answered, and nothing had come in time", step.ID)
	} else {
		w.taken[possible.id] = true
		if came := time.UnixMilli(possible.received); came.After(due.Add(-w.doubt())) { // the time may have run out before, in a task that was lost
			w.allow(spec.OnTimeout, came)
		}
	}
	w.opened = p.At
	return spec.Arms[0].Then
}

// sent holds a send against its ledger row.
func (w *walk) sent(step journey.Step, spec *journey.Send, p workflows.Passage) int {
	key := fmt.Sprintf("%s/%s/%d", w.e.id, step.ID, p.Visit)
	w.sends[key] = true
	row := w.r.f.rows[key]
	if row == nil {
		w.r.lose("%s passed its send, and has no ledger row", key)
		return step.Next
	}
	if row.channel != spec.Via[0] || row.category != spec.Category {
		w.wrong("%s went by %s as %s, the journey says by %s as %s", key, row.channel, row.category, spec.Via[0], spec.Category)
	}
	w.r.due(key, w.moment, time.UnixMilli(row.at))
	if p.Arm == workflows.ArmFailure {
		if row.status != workflows.StatusFailed {
			w.wrong("%s went on as failed, and its row says %s", key, row.status)
		}
		return spec.OnFailure
	}
	if row.status != workflows.StatusSent || p.Arm != "" {
		w.wrong("%s went on %s, and its row says %s (%s)", key, p.Outcome, row.status, row.reason)
	}
	return step.Next
}

// goal is the goal's event that came at least so long after the entry, if any.
func (w *walk) goal(behind time.Duration) *storedEvent {
	for _, e := range w.events {
		if w.def.Goal != nil && slices.Contains(w.def.Goal.Events, e.name) && time.UnixMilli(e.received).Sub(time.UnixMilli(w.e.entered)) >= behind {
			return e
		}
	}
	return nil
}

// end holds the outcome against where the instance came to.
func (w *walk) end() {
	if w.e.outcome == workflows.Goal {
		if w.goal(-w.doubt()) == nil {
			w.wrong("it ended by its goal, and no event was one")
		}
		w.ahead()
		w.strangers()
		return
	}
	if goal := w.goal(w.slack()); goal != nil && time.UnixMilli(goal.received).Before(w.moment.Add(-w.doubt())) {
		w.wrong("it ended as %s at %s, though the goal %s had come before", w.e.outcome, w.moment, goal.id)
	}
	want := w.outcome
	if want == "" && w.at == journey.End {
		want = workflows.Completed
	}
	if w.e.outcome != want {
		w.wrong("it ended as %q, its path as %q (behind %d passages)", w.e.outcome, want, len(w.e.passed))
	}
	w.strangers()
}

// ahead allows the sends behind the last passage, as far as the instance may have come before the goal did.
func (w *walk) ahead() {
	if goal := w.goal(-w.doubt()); goal != nil {
		w.allow(w.at, time.UnixMilli(goal.received).Add(w.doubt()))
	}
}

// allow allows the sends from a step on, through waits that are over by a moment. A task that a crash cut off behind them was done again, and heard
// before them of what had come meanwhile: what they said stands in the ledger, and is not on the instance's way.
func (w *walk) allow(at int, by time.Time) {
	round, due, visits := w.round, w.moment, maps.Clone(w.visits)
	for at != journey.End {
		step := w.def.Steps[at]
		at = step.Next
		switch spec := step.Spec.(type) {
		case *journey.Wait:
			if due = due.Add(spec.Duration); due.After(by) {
				return
			}
		case *journey.WaitFor, *journey.Exit:
			return
		case *journey.Set:
			round++
		case *journey.GoTo:
			at = spec.To
		case *journey.Branch:
			at = spec.Else
			if round < w.pass.rounds {
				at = spec.Arms[0].Then
			}
		case *journey.Send:
			visits[step.ID]++
			w.sends[fmt.Sprintf("%s/%s/%d", w.e.id, step.ID, visits[step.ID])] = true
		}
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// strangers are ledger rows of sends that are not on the instance's way.
func (w *walk) strangers() {
	for _, row := range w.e.rows {
		if !w.sends[row.key] {
			w.wrong("%s has a ledger row (%s), and is not on its way", row.key, row.status)
		}
	}
}

func (w *walk) wrong(format string, args ...any) {
	w.r.unexplained("%s (%s): %s", w.e.workflow, w.e.id, fmt.Sprintf(format, args...))
}
