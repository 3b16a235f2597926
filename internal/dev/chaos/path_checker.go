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

// pathChecker follows an enrollment's path through its definition, by the rules of the language, and compares it with
// what the enrollment did. It knows the step kinds of this package's journeys.
type pathChecker struct {
	r         *result
	e         *enrollment
	pass      *plannedEnrollment
	def       *journey.Definition
	events    []*storedEvent // of this enrollment, in order of arrival
	entered   *storedEvent   // the entry event
	at        int            // index of the next step
	visits    map[string]int
	round     int
	moment    time.Time // virtual: when the enrollment reached that step
	planned   time.Time // virtual: when it would have, had nothing been late since its last wait; the earliest possible moment
	latest    time.Time // the latest possible one
	mayCount  time.Time // from when on events may count for the next wait_for
	mustCount time.Time // from when on they must count: the enrollment had passed its last wait, and had asked for undelivered events
	sends     map[string]bool
	used      map[string]bool // ids of events that a wait_for has consumed
	outcome   string          // outcome of an exit
	described bool
}

// slack is how far the clocks of the store, of Temporal and of the workflow may differ: a second of wall time, in
// virtual time.
func (w *pathChecker) slack() time.Duration { return w.r.virtual(time.Second) }

// catchUpTime is how long a run waits for undelivered events (eight sleeps from 250 ms on in package workflows, each
// twice as long), rounded down.
const catchUpTime = time.Minute

// due returns the earliest and the latest moment at which a wait that begins now ends. It counts from the planned moment
// if the run is less than a minute late. A run that was about a minute late before may have planned either way since.
func (w *pathChecker) due(d time.Duration) (earliest, latest time.Time) {
	earliest, latest = w.moment.Add(d), w.moment.Add(d)
	for _, planned := range []time.Time{w.latest, w.planned} {
		if planned.Before(w.moment) && w.moment.Sub(planned) <= w.r.virtual(time.Minute)+w.slack() {
			earliest = planned.Add(d)
		}
	}
	return earliest, latest
}

// surelyBefore reports whether a is before b by more than the slack; maybeBefore, whether it may be.
func (w *pathChecker) surelyBefore(a, b time.Time) bool { return a.Add(w.slack()).Before(b) }
func (w *pathChecker) maybeBefore(a, b time.Time) bool  { return !w.surelyBefore(b, a) }

// check follows the path until the visits end.
func (w *pathChecker) check() {
	w.moment = time.UnixMilli(w.e.entered)
	w.planned, w.latest, w.mayCount, w.mustCount = w.moment, w.moment, w.moment, w.moment
	for i, p := range w.e.passed {
		if w.at == journey.End {
			w.wrong("visited %s after the end of the path", p.Step)
			return
		}
		step := w.def.Steps[w.at]
		if p.Step != step.ID && w.sends[fmt.Sprintf("%s/%s/%d", w.e.id, p.Step, p.Visit)] {
			continue // from a workflow task that was lost after it had reported to the store
		}
		if p.Step != step.ID {
			w.wrong("visit %d is of %s, the path leads to %s", i+1, p.Step, step.ID)
			return
		}
		w.visits[step.ID]++
		if p.Visit != w.visits[step.ID] {
			w.wrong("visit %d of %s has number %d", p.Visit, step.ID, w.visits[step.ID])
		}
		if w.outcome != "" {
			w.wrong("visited %s after its exit", p.Step)
			return
		}
		w.at = w.checkVisit(step, p)
		if p.At.After(w.moment) {
			w.moment = p.At
		}
	}
	w.checkEnd()
}

// checkVisit checks one visit and returns the next step.
func (w *pathChecker) checkVisit(step journey.Step, p contract.StepVisit) int {
	switch spec := step.Spec.(type) {
	case *journey.Set:
		w.round++
	case *journey.GoTo:
		return spec.To
	case *journey.Exit:
		w.outcome = spec.Outcome
	case *journey.Wait:
		earliest, latest := w.due(spec.Duration)
		w.checkWait(step, p, earliest, latest)
	case *journey.Branch:
		more := w.round < w.pass.rounds
		if more != (p.Arm == "1") {
			w.wrong("branch %s took arm %q in round %d of %d", step.ID, p.Arm, w.round, w.pass.rounds)
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
		w.wrong("the path checker does not know step kind %s", step.Kind)
	}
	return step.Next
}

// checkWait compares the end of a wait with its deadline, which lies between earliest and due.
func (w *pathChecker) checkWait(step journey.Step, p contract.StepVisit, earliest, due time.Time) {
	if p.At.Before(earliest.Add(-w.slack())) {
		w.wrong("%s ended at %s, before it was due at %s", step.ID, p.At, earliest)
	}
	if g := w.goalEvent(true); g != nil && w.surelyBefore(g.by, earliest) {
		w.wrong("%s waited until %s, though the goal event %s arrived before", step.ID, earliest, g.id)
	}
	// The wait ended at its deadline, however late that was noticed. A run that reached the step late has a later
	// deadline. A run waits at most a minute for undelivered events; what arrives later counts for the next step.
	// A wait that begins with the enrollment is due from the entry, even if Temporal heard of the entry later. What
	// arrived after that counts for the next step, however late the run began.
	w.planned, w.latest, w.mayCount, w.mustCount = earliest, due, earliest, p.At
	if len(w.visits) == 1 && w.visits[step.ID] == 1 {
		w.mustCount = due
	}
	if p.At.After(due.Add(w.r.virtual(catchUpTime))) {
		w.mayCount = earliest.Add(-w.r.virtual(w.r.bound))
	}
}

// checkWaitFor compares the arm of a wait_for with the events that arrived.
func (w *pathChecker) checkWaitFor(step journey.Step, spec *journey.WaitFor, p contract.StepVisit) int {
	earliest, due := w.due(spec.Timeout)
	var inTime, possible *storedEvent // in time for certain, and in time within the slack
	for _, e := range w.events {
		if !slices.Contains(spec.Arms[0].Events, e.name) || w.used[e.id] {
			continue
		}
		// Events come before timers: an event that arrived while no worker could notice the deadline counts.
		if w.maybeBefore(w.mayCount, e.by) && w.maybeBefore(e.from, later(due, p.At)) {
			possible = e
		}
		if w.surelyBefore(w.mustCount, e.from) && w.surelyBefore(e.by, earliest) {
			inTime = e
		}
	}
	if p.Arm == journey.ArmTimeout {
		if inTime != nil {
			w.wrong("%s timed out, though %s arrived in time", step.ID, inTime.id)
		}
		w.checkWait(step, p, earliest, due)
		return spec.OnTimeout
	}
	if possible == nil {
		w.wrong("%s was answered, though no event arrived in time", step.ID)
	} else {
		w.used[possible.id] = true
		if w.maybeBefore(earliest, possible.by) { // a workflow task that was lost may have seen the deadline first
			w.allow(spec.OnTimeout, possible.by)
		}
	}
	w.mayCount, w.mustCount = p.At, p.At
	if possible != nil {
		w.planned, w.latest, w.mayCount = possible.from, possible.from, possible.from // the wait ended when that event arrived
	}
	return spec.Arms[0].Then
}

// checkSend compares a send with its ledger row.
func (w *pathChecker) checkSend(step journey.Step, spec *journey.Send, p contract.StepVisit) int {
	key := fmt.Sprintf("%s/%s/%d", w.e.id, step.ID, p.Visit)
	w.sends[key] = true
	row := w.r.f.rows[key]
	if row == nil {
		w.r.lose("%s was visited and has no ledger row", key)
		return step.Next
	}
	if row.channel != spec.Via[0] || row.category != spec.Category {
		w.wrong("%s was sent by %s as %s, want by %s as %s", key, row.channel, row.category, spec.Via[0], spec.Category)
	}
	w.r.due(w.e, row, w.moment)
	if p.Arm == journey.ArmFailure {
		if row.status != contract.StatusFailed {
			w.wrong("%s took the arm of a failure, and its row is %s", key, row.status)
		}
		return spec.OnFailure
	}
	if row.status != contract.StatusSent || p.Arm != "" {
		w.wrong("%s continued as %s, and its row is %s (%s)", key, p.Outcome, row.status, row.reason)
	}
	return step.Next
}

// goalEvent returns the goal event after the entry, certain or possible; nil where there is none.
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

// checkEnd compares the outcome with the end of the path.
func (w *pathChecker) checkEnd() {
	if w.e.outcome == contract.Goal {
		if w.goalEvent(false) == nil {
			w.wrong("ended by its goal without a goal event")
		}
		w.allowAhead()
		w.checkRows()
		return
	}
	// Goals after the last wait are noticed between steps, if a relay runs to deliver them.
	if goal := w.goalEvent(true); goal != nil &&
		(w.surelyBefore(goal.by, w.mustCount) || w.surelyBefore(goal.by.Add(w.r.virtual(w.r.bound)), w.moment)) {
		w.wrong("ended as %s at %s, though the goal event %s arrived before", w.e.outcome, w.moment, goal.id)
	}
	want := w.outcome
	if want == "" && w.at == journey.End {
		want = contract.Completed
	}
	if w.e.outcome != want {
		w.wrong("ended as %q, its path as %q (after %d visits)", w.e.outcome, want, len(w.e.passed))
	}
	w.checkRows()
}

// allowAhead allows the sends after the last visit that the run may have made before the goal.
func (w *pathChecker) allowAhead() {
	if goal := w.goalEvent(false); goal != nil {
		w.allow(w.at, goal.by.Add(w.slack()))
	}
}

// allow allows the sends from a step on, through waits that end before `by`. If a crash loses the workflow task in
// which they were made, the task runs again and may then see events that arrived meanwhile. The sends of the lost
// task are in the ledger though they are not on the path.
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

// checkRows reports ledger rows of sends that are not on the path.
func (w *pathChecker) checkRows() {
	for _, row := range w.e.rows {
		if !w.sends[row.key] {
			w.wrong("%s has a ledger row (%s) and is not on the path", row.key, row.status)
		}
	}
}

func (w *pathChecker) wrong(format string, args ...any) {
	w.r.unexplained("%s (%s): %s%s", w.e.workflow, w.e.id, fmt.Sprintf(format, args...), w.describe())
}

// describe returns, once, everything that is known about the enrollment, in seconds of wall time after its entry.
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
		fmt.Fprintf(&b, "\n    %s visited %s/%d %s %s", since(p.At), p.Step, p.Visit, p.Arm, p.Outcome)
	}
	for _, row := range w.e.rows {
		fmt.Fprintf(
			&b,
			"\n    %s ledger %s/%s %s, %d attempts, %d unknown outcomes",
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
