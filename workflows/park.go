package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// parking says how an instance waits.
type parking struct {
	kind     string
	step     string // empty behind the end of a path
	label    string // what people call the step
	until    time.Time
	watching bool                                          // behind its path: until alone ends it, not the instance's deadline
	asked    bool                                          // it is for a reply: its question is out
	levels   []journey.Level                               // of intents that it waits for, beside what look takes
	words    []string                                      // what it waits for, for people
	key      string                                        // of the visit, where the world knows the visit by it
	look     func(ctx workflow.Context) (bool, error)      // takes a kept event; nil: none will do
	yields   bool                                          // being paused ends it
	wake     func() bool                                   // something else that look must see at once
	recast   func(ctx workflow.Context) (time.Time, error) // until anew, when a trait it names has changed; nil: it stands
}

// pausedKind is the kind of parking of an instance that is paused between two steps.
const pausedKind = "paused"

// timer is the one physical timer: for the earliest deadline.
type timer struct {
	at     time.Time
	future workflow.Future
	cancel workflow.CancelFunc
}

// park waits until p.until (true), or until look takes an event (false), or until the instance ends or moves on
// (false, with Ended or Jump set). On waking, events are looked at before the clock; the instance's own
// deadline wins over a step due at the same moment, and a score that falls below a level then goes before both.
func (r *run) park(ctx workflow.Context, p parking) (due bool, err error) {
	r.settle(ctx, p)
	r.waits, r.stale = p.levels, true
	defer r.unwatch()
	r.over = time.Time{}
	var recast time.Time // when until was last cast anew
	for {
		r.hand = nil
		moved, err := r.attend(ctx)
		if err != nil || moved || r.leaves() {
			return false, err
		}
		if r.st.Paused && p.yields {
			return false, nil
		}
		if r.hand != nil {
			r.over = time.Time{}
		}
		if !r.st.Paused {
			if r.stale {
				if err := r.gauge(ctx, false); err != nil {
					return false, err
				}
			}
			if p.look != nil {
				if took, err := p.look(ctx); err != nil || took {
					return false, err
				}
			}
			if p.recast != nil && r.touched {
				r.touched = false
				if p.until, err = p.recast(ctx); err != nil {
					return false, err
				}
				if !p.until.Equal(r.st.Parking.Until) {
					r.st.Parking.Until, r.st.Parking.Reported = p.until, false
					recast = r.arrival(ctx)
				}
			}
			if r.stirred() {
				continue // more has come, and what has come goes before the clock
			}
			moment, what := r.dueNow(ctx, p)
			if what != nothing {
				if more, err := r.overdue(ctx, moment, what != fading); err != nil {
					return false, err
				} else if more {
					continue
				}
			}
			switch what {
			case fading:
				r.over = moment
				if err := r.faded(ctx); err != nil || r.st.Jump != nil {
					return false, err
				}
				continue
			case itsTime:
				r.woke, r.over = p.until, later(p.until, recast)
				return true, nil
			case itsLife:
				r.end(ctx, contract.TimedOut, "its longest life was over", 0)
				return false, nil
			}
		}
		if err := r.reportParking(ctx); err != nil {
			return false, err
		}
		if err := r.renew(ctx, p); err != nil {
			return false, err
		}
		if r.stirred() || (p.wake != nil && !r.st.Paused && p.wake()) {
			continue // something came while the report was written
		}
		if err := r.await(ctx, p); err != nil {
			return false, err
		}
	}
}

// What may be due at a moment.
const (
	nothing = iota
	fading  // a score falls below a level
	itsTime // the parking's own time is over
	itsLife // the instance's is
)

// dueNow says what has become due first, and when. Woken late or not, what was due before the deadline goes before it.
func (r *run) dueNow(ctx workflow.Context, p parking) (moment time.Time, what int) {
	now := r.now(ctx)
	step := !p.until.IsZero() && !now.Before(p.until) && (p.watching || p.until.Before(r.st.Deadline))
	switch {
	case r.crossed(ctx) && !p.watching && r.st.Fade.Before(r.st.Deadline) && !(step && p.until.Before(r.st.Fade)):
		return r.st.Fade, fading
	case step:
		return p.until, itsTime
	case !p.watching && !now.Before(r.st.Deadline):
		return r.st.Deadline, itsLife
	}
	return time.Time{}, nothing
}

// arrival is when the event at hand arrived, now where that is not known.
func (r *run) arrival(ctx workflow.Context) time.Time {
	if r.hand == nil || r.hand.Received.IsZero() {
		return r.now(ctx)
	}
	return r.hand.Received
}

// age makes old what was kept for the parking step that has ended.
func (r *run) age() { r.st.age(r.look, r.over) }

// later is the later of two moments.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// unwatch forgets what a parking waited for besides events.
func (r *run) unwatch() { r.waits, r.hand = nil, nil }

// settle makes p the place where the instance is parked, keeping since, until and the key over continue-as-new.
func (r *run) settle(ctx workflow.Context, p parking) {
	if r.st.Parking == nil || r.st.Parking.Step != p.step || r.st.Parking.Kind != p.kind || r.st.Parking.Asked != p.asked {
		r.st.Parking = &Parking{
			Parked: contract.Parked{
				Step:   p.step,
				Kind:   p.kind,
				Since:  r.now(ctx),
				Until:  p.until,
				For:    p.words,
				Silent: r.st.Silent,
				Paused: r.st.Paused,
			},
			Key:   p.key,
			Asked: p.asked,
		}
	}
	r.st.Parking.For = p.words // another revision may wait for more
}

// stirred reports whether there is something to attend to.
func (r *run) stirred() bool {
	if r.deliveries.Len() > 0 || r.events.Len() > 0 || len(r.st.Direct) > 0 {
		return true
	}
	if !r.st.Paused {
		return len(r.st.Arrived) > 0
	}
	return slices.ContainsFunc(r.st.Arrived, func(d contract.Delivery) bool { return d.Command != nil })
}

// await sleeps until something stirs or the earliest deadline has come. Paused, it sleeps until an order comes.
func (r *run) await(ctx workflow.Context, p parking) error {
	r.woke, r.over, r.noticed, r.asks = time.Time{}, time.Time{}, time.Time{}, 0
	deadline := p.until
	if !p.watching && (deadline.IsZero() || r.st.Deadline.Before(deadline)) {
		deadline = r.st.Deadline
	}
	fades := !p.watching && !r.st.Fade.IsZero() && r.st.Fade.Before(deadline)
	if fades {
		deadline = r.st.Fade
	}
	if r.st.Paused {
		deadline = time.Time{}
	}
	if err := ctx.Err(); err != nil { // a timer of a cancelled context would be over at once
		return err
	}
	r.st.Hot = 0
	r.setTimer(ctx, deadline, summary(p, deadline, fades))
	r.describe(ctx)
	if err := workflow.Await(ctx, func() bool {
		return r.stirred() || (p.wake != nil && !r.st.Paused && p.wake()) || (r.timer != nil && r.timer.future.IsReady())
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

// summary is what the Temporal UI shows beside the timer.
func summary(p parking, deadline time.Time, fades bool) string {
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

// rest parks a paused instance between two steps.
func (r *run) rest(ctx workflow.Context) error {
	_, err := r.park(ctx, parking{kind: pausedKind, step: r.st.Cursor, label: "paused", words: []string{"resume"},
		look: resumed})
	r.st.Parking = nil
	return err
}

// renew continues as new when the server suggests it. It happens only while parked, with nothing under way: all
// that counts is in the snapshot.
func (r *run) renew(ctx workflow.Context, p parking) error {
	if p.wake != nil || !workflow.GetInfo(ctx).GetContinueAsNewSuggested() || !workflow.AllHandlersFinished(ctx) {
		return nil
	}
	r.drain(ctx)
	if r.st.moving() {
		return nil // the order comes first: it continues as new itself
	}
	r.st.Hot = 0
	in := r.in
	in.Interpreter = contract.InterpreterVersion
	in.Snapshot = r.st
	return workflow.NewContinueAsNewError(ctx, contract.JourneyType, in)
}
