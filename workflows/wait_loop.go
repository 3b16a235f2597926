package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// waitSpec says how an enrollment waits.
type waitSpec struct {
	kind      string
	step      string // empty after the end of a path
	label     string // what people call the step
	until     time.Time
	afterPath bool                                          // after its path: until alone ends it, not the enrollment's deadline
	asked     bool                                          // it is for a reply: its question is out
	levels    []journey.Level                               // of intents that it waits for, beside what look takes
	words     []string                                      // what it waits for, for people
	key       string                                        // of the visit, where the world knows the visit by it
	look      func(ctx workflow.Context) (bool, error)      // takes a kept event; nil: none will do
	yields    bool                                          // being paused ends it
	wake      func() bool                                   // something else that look must see at once
	recompute func(ctx workflow.Context) (time.Time, error) // computes until again when a trait it names has changed; nil: until is fixed
}

// pausedKind is the kind of parking of an enrollment that is paused between two steps.
const pausedKind = "paused"

// timer is the one physical timer: for the earliest deadline.
type timer struct {
	at     time.Time
	future workflow.Future
	cancel workflow.CancelFunc
}

// waitLoop is the one place where a run waits. It returns true when p.until has come, and false when look took a
// delivery, or when the run ended or moves elsewhere (Ended or Jump is set).
//
// The invariants:
//
//   - The inbox goes before the clock. On waking, everything that has arrived is handled before a deadline counts. A worker
//     that was down for an hour wakes to a due timer and an event that came in time; the event wins. Without this rule
//     an outage would turn customers who answered into customers who did not.
//   - What was due first happens first: a score that falls below a level, then the step's own time, then the journey's
//     timeout, which wins over a step due at the same moment. What came after the moment a step was due belongs to the next step.
//   - There is one physical timer, for the earliest deadline. It is replaced only if that moment changes, so that
//     the history of a wait does not grow with the events that pass by.
//   - Everything that counts is in one snapshot. A run continues as new only here, with nothing in progress, and the next
//     run records the same wait: since, until and key stay.
//
// Example: a wait_for is due at 10:00, the worker returns at 10:30. An answer that the store accepted at 9:59
// is taken by the wait_for; an answer of 10:05 stays for the step after it; the timeout counts from 10:00.
//
// See docs/decisions/0002 and 0010.
func (r *run) waitLoop(ctx workflow.Context, p waitSpec) (due bool, err error) {
	r.recordWait(ctx, p)
	r.waits, r.stale = p.levels, true
	defer r.unwatch()
	r.over = time.Time{}
	var recast time.Time // when until was last computed again
	for {
		r.hand = nil
		moved, err := r.handleOutbox(ctx)
		if err != nil || moved || r.exiting() {
			return false, err
		}
		if r.state.Paused && p.yields {
			return false, nil
		}
		if r.hand != nil {
			r.over = time.Time{}
		}
		if !r.state.Paused {
			if r.stale {
				if err := r.queryLevels(ctx, false); err != nil {
					return false, err
				}
			}
			if p.look != nil {
				if took, err := p.look(ctx); err != nil || took {
					return false, err
				}
			}
			if p.recompute != nil && r.touched {
				r.touched = false
				if p.until, err = p.recompute(ctx); err != nil {
					return false, err
				}
				if !p.until.Equal(r.state.Wait.Until) {
					r.state.Wait.Until, r.state.Wait.Reported = p.until, false
					recast = r.arrival(ctx)
				}
			}
			if r.hasInput() {
				continue // more has come, and what has come goes before the clock
			}
			moment, what := r.nextDue(ctx, p)
			if what != nothingDue {
				if more, err := r.catchUp(ctx, moment, what != levelDue); err != nil {
					return false, err
				} else if more {
					continue
				}
			}
			switch what {
			case levelDue:
				r.over = moment
				if err := r.handleLevelCrossing(ctx); err != nil || r.state.Jump != nil {
					return false, err
				}
				continue
			case stepDue:
				r.woke, r.over = p.until, later(p.until, recast)
				return true, nil
			case journeyDue:
				r.end(ctx, contract.TimedOut, "journey timeout reached", 0)
				return false, nil
			}
		}
		if err := r.reportParking(ctx); err != nil {
			return false, err
		}
		if err := r.continueAsNew(ctx, p); err != nil {
			return false, err
		}
		if r.hasInput() || (p.wake != nil && !r.state.Paused && p.wake()) {
			continue // something came while the report was written
		}
		if err := r.await(ctx, p); err != nil {
			return false, err
		}
	}
}

// What may be due at a moment.
const (
	nothingDue = iota
	levelDue   // a score falls below a level
	stepDue    // the parking's own time is over
	journeyDue // the enrollment's is
)

// nextDue says what has become due first, and when. Woken late or not, what was due before the deadline goes before it.
func (r *run) nextDue(ctx workflow.Context, p waitSpec) (moment time.Time, what int) {
	now := r.now(ctx)
	step := !p.until.IsZero() && !now.Before(p.until) && (p.afterPath || p.until.Before(r.state.Deadline))
	switch {
	case r.levelCrossed(ctx) && !p.afterPath && r.state.LevelCrossing.Before(r.state.Deadline) &&
		!(step && p.until.Before(r.state.LevelCrossing)):
		return r.state.LevelCrossing, levelDue
	case step:
		return p.until, stepDue
	case !p.afterPath && !now.Before(r.state.Deadline):
		return r.state.Deadline, journeyDue
	}
	return time.Time{}, nothingDue
}

// arrival is when the event at hand arrived, now where that is not known.
func (r *run) arrival(ctx workflow.Context) time.Time {
	if r.hand == nil || r.hand.Received.IsZero() {
		return r.now(ctx)
	}
	return r.hand.Received
}

// age makes old what was kept for the parking step that has ended.
func (r *run) age() { r.state.age(r.look, r.over) }

// later is the later of two moments.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// unwatch forgets what a parking waited for besides events.
func (r *run) unwatch() { r.waits, r.hand = nil, nil }

// recordWait makes p the place where the enrollment is parked, keeping since, until and the key over continue-as-new.
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
}

// hasInput reports whether there is something to attend to.
func (r *run) hasInput() bool {
	if r.deliveries.Len() > 0 || r.events.Len() > 0 || len(r.state.Direct) > 0 {
		return true
	}
	if !r.state.Paused {
		return len(r.state.Arrived) > 0
	}
	return slices.ContainsFunc(r.state.Arrived, func(d contract.Delivery) bool { return d.Command != nil })
}

// await sleeps until something stirs or the earliest deadline has come. Paused, it sleeps until an order comes.
func (r *run) await(ctx workflow.Context, p waitSpec) error {
	r.woke, r.over, r.noticed, r.asks = time.Time{}, time.Time{}, time.Time{}, 0
	deadline := p.until
	if !p.afterPath && (deadline.IsZero() || r.state.Deadline.Before(deadline)) {
		deadline = r.state.Deadline
	}
	fades := !p.afterPath && !r.state.LevelCrossing.IsZero() && r.state.LevelCrossing.Before(deadline)
	if fades {
		deadline = r.state.LevelCrossing
	}
	if r.state.Paused {
		deadline = time.Time{}
	}
	if err := ctx.Err(); err != nil { // a timer of a cancelled context would be over at once
		return err
	}
	r.state.StepsSinceWait = 0
	r.setTimer(ctx, deadline, summary(p, deadline, fades))
	r.describe(ctx)
	if err := workflow.Await(ctx, func() bool {
		return r.hasInput() || (p.wake != nil && !r.state.Paused && p.wake()) || (r.timer != nil && r.timer.future.IsReady())
	}); err != nil {
		return err
	}
	return ctx.Err()
}

// setTimer keeps the one timer at deadline: the one that runs already, where it is for the same moment.
func (r *run) setTimer(ctx workflow.Context, deadline time.Time, summary string) {
	if r.timer != nil && r.timer.at.Equal(deadline) && !r.timer.future.IsReady() {
		return
	}
	if r.timer != nil {
		r.timer.cancel()
		r.timer = nil
	}
	if deadline.IsZero() {
		return
	}
	wait := r.in.Clock.Until(workflow.Now(ctx), deadline)
	if wait < time.Millisecond {
		wait = time.Millisecond
	}
	timerCtx, cancel := workflow.WithCancel(ctx)
	future := workflow.NewTimerWithOptions(timerCtx, wait, workflow.TimerOptions{Summary: summary})
	r.timer = &timer{at: deadline, future: future, cancel: cancel}
}

// summary is the text the Temporal UI shows beside the timer.
func summary(p waitSpec, deadline time.Time, fades bool) string {
	if fades {
		return clip(fmt.Sprintf("%s, an intent may have faded at %s", p.label, stamp(deadline)), 200)
	}
	text := fmt.Sprintf("%s, until %s", p.label, stamp(deadline))
	if p.label == "" {
		text = "watching until " + stamp(deadline)
	}
	for i, word := range p.words {
		if i == 0 {
			text += ", for " + word
		} else {
			text += " or " + word
		}
	}
	if len(text) > 200 { // the server's limit on summaries is 400 bytes
		text = clip(text, 200)
	}
	return text
}

// waitPaused parks a paused enrollment between two steps.
func (r *run) waitPaused(ctx workflow.Context) error {
	_, err := r.waitLoop(ctx, waitSpec{kind: pausedKind, step: r.state.Cursor, label: "paused", words: []string{"resume"},
		look: resumed})
	r.state.Wait = nil
	return err
}

// continueAsNew continues as new when the server suggests it. It happens only while parked, with nothing in
// progress: all that counts is in the snapshot.
func (r *run) continueAsNew(ctx workflow.Context, p waitSpec) error {
	if p.wake != nil || !workflow.GetInfo(ctx).GetContinueAsNewSuggested() || !workflow.AllHandlersFinished(ctx) {
		return nil
	}
	r.drain(ctx)
	if r.state.moving() {
		return nil // the order comes first: it continues as new itself
	}
	r.state.StepsSinceWait = 0
	in := r.in
	in.Interpreter = contract.InterpreterVersion
	in.Snapshot = r.state
	return workflow.NewContinueAsNewError(ctx, contract.JourneyType, in)
}
