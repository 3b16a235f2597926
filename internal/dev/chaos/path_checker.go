package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// pathChecker goes the way of an instance through its definition, as the language says, and holds what the instance
// did against it. It knows the kinds of steps that the journeys of this package have.
type pathChecker struct {
	r         *result
	e         *enrollment
	pass      *plannedEnrollment
	def       *journey.Definition
	events    []*storedEvent // of this passage, in order of arrival
	entered   *storedEvent   // the one it entered by
	at        int            // index of the step that comes next
	visits    map[string]int
	round     int
	moment    time.Time // virtual: when the instance came to that step
	mayCount  time.Time // since when events may count for the next wait_for
	mustCount time.Time // since when they must: the instance had gone on from its last wait, and had asked what was on its way
	sends     map[string]bool
	used      map[string]bool // events used up
	outcome   string          // of an exit
	described bool
}

// slack is how far the moments of the store, of Temporal and of the workflow may lie apart: a second of the
// wall, in virtual time.
func (w *pathChecker) slack() time.Duration { return w.r.virtual(time.Second) }

// catchUpTime are how long an instance waits for what is on its way to it (workflows: eight naps from 250 ms on, each
// twice as long), a little less of it.
const catchUpTime = time.Minute

// surelyBefore reports whether a lies before b beyond slack; perhaps, whether it may.
func (w *pathChecker) surelyBefore(a, b time.Time) bool { return a.Add(w.slack()).Before(b) }
func (w *pathChecker) maybeBefore(a, b time.Time) bool  { return !w.surelyBefore(b, a) }

// check walks until the passages end.
func (w *pathChecker) check() {
	w.moment = time.UnixMilli(w.e.entered)
	w.mayCount, w.mustCount = w.moment, w.moment
	for i, p := range w.e.passed {
		if w.at == journey.End {
			w.wrong("passed %s behind the end of its path", p.Step)
			return
		}
		step := w.def.Steps[w.at]
		if p.Step != step.ID && w.sends[fmt.Sprintf("%s/%s/%d", w.e.id, p.Step, p.Visit)] {
			continue // of a task that was lost, which told the store all the same
		}
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
		w.at = w.checkVisit(step, p)
		if p.At.After(w.moment) {
			w.moment = p.At
		}
	}
	w.checkEnd()
}

// checkVisit checks one passage, and gives the step behind it.
func (w *pathChecker) checkVisit(step journey.Step, p contract.Passage) int {
	switch spec := step.Spec.(type) {
	case *journey.Set:
		w.round++
	case *journey.GoTo:
		return spec.To
	case *journey.Exit:
		w.outcome = spec.Outcome
	case *journey.Wait:
		w.checkWait(step, p, w.moment.Add(spec.Duration))
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
		return w.checkWaitFor(step, spec, p)
	case *journey.Send:
		return w.checkSend(step, spec, p)
	default:
		w.wrong("the walk does not know steps of kind %s", step.Kind)
	}
	return step.Next
}

// checkWait holds a wake against the moment it was due.
func (w *pathChecker) checkWait(step journey.Step, p contract.Passage, due time.Time) {
	if p.At.Before(due.Add(-w.slack())) {
		w.wrong("%s was over at %s, before it was due at %s", step.ID, p.At, due)
	}
	if g := w.goalEvent(true); g != nil && w.surelyBefore(g.by, due) {
		w.wrong("%s was waited out until %s, though the goal %s had come before", step.ID, due, g.id)
	}
	// It was over when it was due, however late that was noticed; an instance that came to it late was due
	// later. What could not be brought for a minute is not waited for longer, and comes to the next step.
	w.mayCount, w.mustCount = due, p.At
	if p.At.After(due.Add(w.r.virtual(catchUpTime))) {
		w.mayCount = due.Add(-w.r.virtual(w.r.bound))
	}
}

// checkWaitFor holds the way a wait_for went against the events that came.
func (w *pathChecker) checkWaitFor(step journey.Step, spec *journey.WaitFor, p contract.Passage) int {
	due := w.moment.Add(spec.Timeout)
	var inTime, possible *storedEvent // for sure, and at the margin
	for _, e := range w.events {
		if !slices.Contains(spec.Arms[0].Events, e.name) || w.used[e.id] {
			continue
		}
		// Events go before the clock: one that came while nobody was there to see the time run out counts.
		if w.maybeBefore(w.mayCount, e.by) && w.maybeBefore(e.from, later(due, p.At)) {
			possible = e
		}
		if w.surelyBefore(w.mustCount, e.from) && w.surelyBefore(e.by, due) {
			inTime = e
		}
	}
	if p.Arm == contract.ArmTimeout {
		if inTime != nil {
			w.wrong("%s timed out, though %s had come in time", step.ID, inTime.id)
		}
		w.checkWait(step, p, due)
		return spec.OnTimeout
	}
	if possible == nil {
		w.wrong("%s was answered, and nothing had come in time", step.ID)
	} else {
		w.used[possible.id] = true
		if w.maybeBefore(due, possible.by) { // the time may have run out before, in a task that was lost
			w.allow(spec.OnTimeout, possible.by)
		}
	}
	w.mayCount, w.mustCount = p.At, p.At
	if possible != nil {
		w.mayCount = possible.from // it ended when that came
	}
	return spec.Arms[0].Then
}

// checkSend holds a send against its ledger row.
func (w *pathChecker) checkSend(step journey.Step, spec *journey.Send, p contract.Passage) int {
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
	w.r.due(w.e, row, w.moment)
	if p.Arm == contract.ArmFailure {
		if row.status != contract.StatusFailed {
			w.wrong("%s went on as failed, and its row says %s", key, row.status)
		}
		return spec.OnFailure
	}
	if row.status != contract.StatusSent || p.Arm != "" {
		w.wrong("%s went on %s, and its row says %s (%s)", key, p.Outcome, row.status, row.reason)
	}
	return step.Next
}

// goalEvent is the goal's event that came behind the entry, surely or perhaps, if any.
func (w *pathChecker) goalEvent(surely bool) *storedEvent {
	for _, e := range w.events {
		if w.def.Goal == nil || !slices.Contains(w.def.Goal.Events, e.name) {
			continue
		}
		if w.surelyBefore(w.entered.by, e.from) || !surely && w.maybeBefore(w.entered.from, e.by) {
			return e
		}
	}
	return nil
}

// checkEnd holds the outcome against where the instance came to.
func (w *pathChecker) checkEnd() {
	if w.e.outcome == contract.Goal {
		if w.goalEvent(false) == nil {
			w.wrong("it ended by its goal, and no event was one")
		}
		w.allowAhead()
		w.checkRows()
		return
	}
	// What comes behind the last wait is heard between the steps, if a relay is there to bring it.
	if goal := w.goalEvent(true); goal != nil && (w.surelyBefore(goal.by, w.mustCount) || w.surelyBefore(goal.by.Add(w.r.virtual(w.r.bound)), w.moment)) {
		w.wrong("it ended as %s at %s, though the goal %s had come before", w.e.outcome, w.moment, goal.id)
	}
	want := w.outcome
	if want == "" && w.at == journey.End {
		want = contract.Completed
	}
	if w.e.outcome != want {
		w.wrong("it ended as %q, its path as %q (behind %d passages)", w.e.outcome, want, len(w.e.passed))
	}
	w.checkRows()
}

// allowAhead allows the sends behind the last passage, as far as the instance may have come before the goal did.
func (w *pathChecker) allowAhead() {
	if goal := w.goalEvent(false); goal != nil {
		w.allow(w.at, goal.by.Add(w.slack()))
	}
}

// allow allows the sends from a step on, through waits that are over by a moment. A task that a crash cut off
// behind them was done again, and heard before them of what had come meanwhile: what they said stands in the
// ledger, and is not on the instance's way.
func (w *pathChecker) allow(at int, by time.Time) {
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

// checkRows are ledger rows of sends that are not on the instance's way.
func (w *pathChecker) checkRows() {
	for _, row := range w.e.rows {
		if !w.sends[row.key] {
			w.wrong("%s has a ledger row (%s), and is not on its way", row.key, row.status)
		}
	}
}

func (w *pathChecker) wrong(format string, args ...any) {
	w.r.unexplained("%s (%s): %s%s", w.e.workflow, w.e.id, fmt.Sprintf(format, args...), w.describe())
}

// describe is all that is known of an instance, in seconds of the wall from its entry, told once.
func (w *pathChecker) describe() string {
	if w.described {
		return ""
	}
	w.described = true
	w.r.keepHistory = append(w.r.keepHistory, w.e)
	var b strings.Builder
	since := func(at time.Time) string {
		return fmt.Sprintf("%7.1fs", w.r.g.clock.Real(at.Sub(time.UnixMilli(w.e.entered))).Seconds())
	}
	for _, e := range w.events {
		fmt.Fprintf(&b, "\n    %s event %s (%s), acknowledged %s", since(e.from), e.id, e.name, since(e.by))
	}
	for _, p := range w.e.passed {
		fmt.Fprintf(&b, "\n    %s passed %s/%d %s %s", since(p.At), p.Step, p.Visit, p.Arm, p.Outcome)
	}
	for _, row := range w.e.rows {
		fmt.Fprintf(
			&b,
			"\n    %s ledger %s/%s %s, %d attempts, %d doubts",
			since(time.UnixMilli(row.at)),
			row.step,
			row.status,
			row.reason,
			row.attempts,
			row.doubts,
		)
	}
	fmt.Fprintf(
		&b,
		"\n    %s %s; entered at %s",
		since(time.UnixMilli(w.e.closed)),
		w.e.outcome,
		w.r.g.wallTime(time.UnixMilli(w.e.entered)).Format(time.TimeOnly),
	)
	return b.String()
}
