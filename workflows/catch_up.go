package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

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
