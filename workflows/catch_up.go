package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// catchUpTries is how often catchUp asks the store before it lets a deadline fire.
const catchUpTries = 8

// catchUp waits, before a deadline fires, for events that the store accepted earlier but the relay has not
// delivered, so that an outage cannot make a timeout beat an earlier event. It reports whether there is input
// to handle first.
//
// Without late it waits for what the store accepted by moment; with late, for all that it accepted by now. A
// run that is woken an hour late needs the second: a goal reached within that hour must end the journey before
// a message goes out.
//
// The wait is bounded by catchUpTries, a minute in all: a delivery that cannot be made, or a stream of events
// that never ends, must not hold the deadline up. For the same reason late looks no further than to the last of
// these tries.
//
// See docs/decisions/0010.
func (r *run) catchUp(ctx workflow.Context, moment time.Time, late bool) (bool, error) {
	if listens := r.prog.Listens(); len(listens.Events) == 0 && !listens.Every && len(listens.Traits) == 0 && len(listens.Levels) == 0 {
		return false, nil // no event is ever delivered to it
	}
	pause := 250 * time.Millisecond
	for range catchUpTries {
		at := moment
		if late {
			if r.awake.asked < catchUpTries {
				r.awake.caughtUp = r.now(ctx)
			}
			r.awake.asked++
			at = later(moment, r.awake.caughtUp)
		}
		var due contract.DueResult
		if err := r.local(ctx, contract.DueActivity, "check for undelivered events", contract.Due{Ref: r.ref(), At: at}, &due); err != nil {
			return false, err
		}
		if r.hasInput() {
			return true, nil
		}
		if !r.anyUnseen(due.OnTheirWay) {
			return false, nil
		}
		woken, err := r.shortSleep(ctx, pause)
		if err != nil || woken {
			return woken, err
		}
		pause *= 2
	}
	return false, nil
}

// anyUnseen reports whether one of the ids has not arrived: the store may list what was delivered a moment ago.
func (r *run) anyUnseen(ids []string) bool {
	for _, id := range ids {
		if !r.state.saw(id) {
			return true
		}
	}
	return false
}

// shortSleep sleeps until there is input (true), or d of real time has passed.
func (r *run) shortSleep(ctx workflow.Context, d time.Duration) (bool, error) {
	napping, cancel := workflow.WithCancel(ctx)
	defer cancel()
	over := workflow.NewTimerWithOptions(napping, d, workflow.TimerOptions{Summary: "wait for an undelivered event"})
	if err := workflow.Await(ctx, func() bool { return r.hasInput() || over.IsReady() }); err != nil {
		return false, err
	}
	return r.hasInput(), nil
}

// Behind is set while a run may be late: the customer entered while Temporal or all workers were away. What the customer did
// meanwhile then has the effect that it would have had if the run had begun at the entry.
//
// Example: "wait 3s, send, wait_for Answered". Ana enters at 9:00:00, answers at 9:00:10, and Temporal is back at 9:00:30. The
// wait counts from her entry, so it is over, and its end is 9:00:03. The answer arrived after that and is kept for the wait_for.
// If the wait began at 9:00:30, the answer would be of the time before its end, and dropped.
//
// A step that does something in the world does it late. Later deadlines count from then, because a customer must have time to
// answer what was sent. The order of arrival still counts: see leaveWait.
//
// A run that has slept is not behind any more.
type Behind struct {
	From  time.Time `json:"from"`            // when the step at the cursor would have begun, virtual
	Acted bool      `json:"acted,omitempty"` // a step has done something in the world
	Slept bool      `json:"slept,omitempty"`
}

// instant are the kinds of steps that take no time and do nothing in the world.
var instant = map[string]bool{"branch": true, "split": true, "set": true, "go_to": true, "exit": true, "wait": true, "wait_for": true}

// beginStep notes what a step that begins means for a run that is behind.
func (r *run) beginStep(step *journey.Step) {
	switch b := r.state.Behind; {
	case b == nil:
	case b.Slept:
		r.state.Behind = nil
	case !instant[step.Kind]:
		b.Acted = true
	}
}

// waitsFrom returns the moment from which a wait that begins now counts: now, or the moment at which it would have begun.
func (r *run) waitsFrom(ctx workflow.Context) time.Time {
	now := r.now(ctx)
	if b := r.state.Behind; b != nil && !b.Acted && b.From.Before(now) {
		return b.From
	}
	return now
}

// leaveWait ends a wait of a run that may be behind: what arrived by the end belongs to the wait, what arrived later to the next
// step. due is when the wait would have ended by the clock; taken is the event that ended it, nil if none did.
func (r *run) leaveWait(end waitEnd, due time.Time, taken *contract.Delivery) {
	if b := r.state.Behind; b != nil {
		switch {
		case end.cause == waitFound && taken != nil && !taken.Received.IsZero() && !b.Slept:
			end.clock, b.From = taken.Received, later(b.From, taken.Received)
		case end.cause == waitDue && due.Before(end.clock):
			end.clock, b.From = due, due
		case end.cause == waitDue && !b.Slept:
			b.From = later(b.From, due)
		default:
			r.state.Behind = nil
		}
	}
	r.markBufferOld(end)
}

// wouldEnd returns when a wait of a duration would have ended if the run were not behind; otherwise until.
func (r *run) wouldEnd(d time.Duration, until time.Time) time.Time {
	if b := r.state.Behind; b != nil && b.From.Add(d).Before(until) {
		return b.From.Add(d)
	}
	return until
}
