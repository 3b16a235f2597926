package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// pausedKind is the kind of the wait of an enrollment that is paused between two steps.
const pausedKind = "paused"

// waitLoop is the one place where a run waits. It returns how the wait ended.
//
// # Invariants
//
// The inbox comes before the clock. On waking, everything that has arrived is handled before a deadline counts. Example:
// a worker is down from 9:30 to 10:30, and a wait_for is due at 10:00. The worker wakes to an answer of 9:59 and to the
// fired timer in one workflow task. The answer wins. Without this rule an outage would turn customers who answered into
// customers who did not, and send them the reminder. The relay may be late as well, so catchUp asks the store what it
// accepted before a deadline, and waits for that too.
//
// What was due first happens first. At the same moment the journey's timeout comes before the rest, and a score that falls
// below a level before the step's own time. If the answer in the example is of 10:05, it arrived after the wait_for was
// over. It stays in the buffer for the next step (waitEnd.clock), though answer and timer are both handled at 10:30.
// Without this the wait_for would use up the event, or drop it, after its time was over.
//
// There is one physical timer, for the earliest deadline. It is replaced only if that moment changes. Without this each
// customer event that ends nothing would add two timer events, and the history of a long run would be mostly timers.
//
// All state that must survive is in one snapshot. A run continues as new where nothing is in progress: here, before it
// schedules an activity (step_activity.go), and to migrate. The next run records the same wait: since, until and key
// stay. The inbox is drained before, because Temporal drops the signals that a closing run has not read. A run does not
// continue as new during an activity, whose result would be lost.
//
// A find that waits for something other than the inbox and the clock, such as an activity, needs wake. Without wake the
// run would sleep on although find has something to take.
//
// See docs/decisions/0002 and 0010.
func (r *run) waitLoop(ctx workflow.Context, p waitSpec) (waitEnd, error) {
	w := &wait{waitSpec: p, scoresStale: true}
	r.recordWait(ctx, p)
	for {
		w.current = nil
		if moved, err := r.handleOutbox(ctx, w); err != nil || moved || r.exiting() {
			return w.end(waitLeft), err
		}
		if w.current != nil {
			w.clock = time.Time{}
		}
		if r.state.Paused && w.yields {
			return w.end(waitPaused), nil
		}
		if !r.state.Paused {
			if w.scoresStale {
				if _, err := r.queryLevels(ctx, w, false); err != nil {
					return waitEnd{}, err
				}
			}
			if w.find != nil {
				if found, err := w.find(ctx, w); err != nil || found {
					return w.end(waitFound), err
				}
			}
			if err := r.recomputeUntil(ctx, w); err != nil {
				return waitEnd{}, err
			}
			if r.hasInput() {
				continue // more has come, and what has come goes before the clock
			}
			moment, what := r.nextDue(ctx, w)
			if what != nothingDue {
				if more, err := r.catchUp(ctx, moment, what != levelDue); err != nil {
					return waitEnd{}, err
				} else if more {
					continue
				}
			}
			switch what {
			case levelDue:
				w.clock = moment
				if err := r.handleLevelCrossing(ctx, w); err != nil || r.state.Jump != nil {
					return w.end(waitLeft), err
				}
				continue
			case stepDue:
				r.awake.by, w.clock = w.until, later(w.until, w.recomputed)
				r.awake.due = w.clock
				return w.end(waitDue), nil
			case journeyDue:
				r.end(ctx, contract.TimedOut, "journey timeout reached", 0)
				return w.end(waitLeft), nil
			}
		}
		if err := r.reportWait(ctx); err != nil {
			return waitEnd{}, err
		}
		if err := r.continueAsNew(ctx, w); err != nil {
			return waitEnd{}, err
		}
		if r.hasInput() || w.woken(r.state.Paused) {
			continue // something came while the report was written
		}
		if err := r.sleep(ctx, w); err != nil {
			return waitEnd{}, err
		}
	}
}

// recomputeUntil computes w.until again if an event has changed a trait that its expression names.
func (r *run) recomputeUntil(ctx workflow.Context, w *wait) error {
	if w.recompute == nil || !w.traitChanged {
		return nil
	}
	w.traitChanged = false
	until, err := w.recompute(ctx)
	if err != nil {
		return err
	}
	w.until = until
	if !until.Equal(r.state.Wait.Until) {
		r.state.Wait.Until, r.state.Wait.Reported = until, false
		w.recomputed = r.arrival(ctx, w)
	}
	return nil
}

// What may be due at a moment.
const (
	nothingDue = iota
	levelDue   // a score falls below a level
	stepDue    // the wait's own time is over
	journeyDue // the enrollment's time is over
)

// nextDue returns what has become due first, and when. What was due before the enrollment's deadline comes first,
// even if the run was woken late.
func (r *run) nextDue(ctx workflow.Context, w *wait) (moment time.Time, what int) {
	now := r.now(ctx)
	step := !w.until.IsZero() && !now.Before(w.until) && (w.afterPath || w.until.Before(r.state.Deadline))
	switch {
	case r.levelCrossed(ctx) && !w.afterPath && r.state.LevelCrossing.Before(r.state.Deadline) &&
		!(step && w.until.Before(r.state.LevelCrossing)):
		return r.state.LevelCrossing, levelDue
	case step:
		return w.until, stepDue
	case !w.afterPath && !now.Before(r.state.Deadline):
		return r.state.Deadline, journeyDue
	}
	return time.Time{}, nothingDue
}

// arrival returns when the current event arrived, or now if that is not known.
func (r *run) arrival(ctx workflow.Context, w *wait) time.Time {
	if w.current == nil || w.current.Received.IsZero() {
		return r.now(ctx)
	}
	return w.current.Received
}

// later returns the later of two moments.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// recordWait records where the enrollment waits. If it is the same wait as before a continue-as-new, since, until and
// the key stay.
func (r *run) recordWait(ctx workflow.Context, p waitSpec) {
	if r.state.Wait == nil || r.state.Wait.Step != p.step || r.state.Wait.Kind != p.kind || r.state.Wait.Asked != p.asked {
		r.state.Wait = &WaitState{
			Position: contract.Position{
				Step:   p.step,
				Kind:   p.kind,
				Since:  r.now(ctx),
				Until:  p.until,
				For:    p.words,
				Silent: r.state.Silent,
				Paused: r.state.Paused,
			},
			Key:   p.key,
			Asked: p.asked,
		}
	}
	r.state.Wait.For = p.words // another revision may wait for more
	r.state.Wait.Activity = ""
	if p.activity {
		r.state.Wait.Activity = p.label
	}
}

// hasInput reports whether something in the inbox can be handled now: while paused, only commands can.
func (r *run) hasInput() bool {
	if r.deliveries.Len() > 0 || r.events.Len() > 0 || len(r.state.Direct) > 0 {
		return true
	}
	if !r.state.Paused {
		return len(r.state.Arrived) > 0
	}
	return slices.ContainsFunc(r.state.Arrived, func(d contract.Delivery) bool { return d.Command != nil })
}

// sleep sleeps until there is input or the earliest deadline has come. A paused run sleeps until a command comes.
func (r *run) sleep(ctx workflow.Context, w *wait) error {
	r.awake, w.clock = awake{}, time.Time{}
	deadline := w.until
	if !w.afterPath && (deadline.IsZero() || r.state.Deadline.Before(deadline)) {
		deadline = r.state.Deadline
	}
	fades := !w.afterPath && !r.state.LevelCrossing.IsZero() && r.state.LevelCrossing.Before(deadline)
	if fades {
		deadline = r.state.LevelCrossing
	}
	if r.state.Paused {
		deadline = time.Time{}
	}
	if err := ctx.Err(); err != nil { // a timer of a canceled context would fire at once
		return err
	}
	r.state.StepsSinceWait = 0
	if b := r.state.Behind; b != nil && !w.activity {
		b.Slept = true
	}
	r.setTimer(ctx, deadline, timerSummary(w.waitSpec, deadline, fades))
	r.describe(ctx)
	if err := workflow.Await(ctx, func() bool {
		return r.hasInput() || w.woken(r.state.Paused) || (r.timer != nil && r.timer.future.IsReady())
	}); err != nil {
		return err
	}
	return ctx.Err()
}

// waitUntilResumed waits, between two steps, until the enrollment is resumed.
func (r *run) waitUntilResumed(ctx workflow.Context) error {
	_, err := r.waitLoop(ctx, waitSpec{kind: pausedKind, step: r.state.Cursor, label: "paused", words: []string{"resume"},
		find: resumed})
	r.state.Wait = nil
	return err
}

// resumed is a find that takes the end of a pause: the wait loop calls find only while the enrollment is not paused.
func resumed(workflow.Context, *wait) (bool, error) { return true, nil }

// continueAsNew returns the error that continues the run as new, if the server suggests that and nothing is in progress;
// otherwise nil.
func (r *run) continueAsNew(ctx workflow.Context, w *wait) error {
	if w.activity || !workflow.GetInfo(ctx).GetContinueAsNewSuggested() || !workflow.AllHandlersFinished(ctx) {
		return nil
	}
	r.drain(ctx)
	if r.state.hasMigrateOrder() {
		return nil // the command comes first: it continues as new itself
	}
	r.state.StepsSinceWait = 0
	in := r.in
	in.Interpreter = contract.InterpreterVersion
	in.Snapshot = r.state
	return workflow.NewContinueAsNewError(ctx, contract.JourneyType, in)
}

// hold waits at a step that cannot be performed now: until the end of the quiet hours or, if until is zero, until the
// journey is resumed.
func (r *run) hold(ctx workflow.Context, step *journey.Step, key string, until time.Time) error {
	p := waitSpec{kind: step.Kind, step: step.ID, label: label(step), key: key, until: until, words: []string{"quiet hours to end"}}
	if until.IsZero() {
		p.words = []string{"the journey to be resumed"}
		p.find = resumed
	}
	_, err := r.waitLoop(ctx, p)
	if r.state.Jump == nil {
		r.state.Wait = nil
	}
	return err
}
