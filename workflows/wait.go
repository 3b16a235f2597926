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
	step      string          // empty after the end of a path
	label     string          // what people call the step
	until     time.Time       // when the step's own time is over; zero: never
	afterPath bool            // after its path: until alone ends the wait, not the enrollment's deadline
	asked     bool            // it waits for a reply: its question has been sent
	levels    []journey.Level // levels of intents that it waits for; find reads them in wait.levelHolds
	words     []string        // what it waits for, for people
	key       string          // the visit's key, if other systems know the visit by it
	activity  bool            // an activity runs meanwhile: the wait does not continue as new
	yields    bool            // a pause ends the wait
	// find takes what the step waits for, from the buffer or elsewhere; nil: nothing but the clock ends the wait.
	find func(ctx workflow.Context, w *wait) (bool, error)
	wake func() bool // reports something else that find must see at once; nil: there is nothing else
	// recompute computes until again after a trait that it names has changed; nil: until is fixed.
	recompute func(ctx workflow.Context) (time.Time, error)
}

// wait is one wait while it lasts. waitLoop makes it, and passes it to what it calls: handleOutbox with its rules,
// queryLevels and the step's find. Nothing keeps it after the loop has returned; what must survive
// continue-as-new is in WaitState.
type wait struct {
	waitSpec
	current      *contract.Delivery // the event that was just handled, for find to look at; set by handleEvent
	traitChanged bool               // an event changed a trait that the journey waits by; set by handleEvent
	scoresStale  bool               // scores may have changed since levelHolds was asked for; set by handleEvent
	levelHolds   map[string]bool    // the last answers of queryLevels, by Level.Words
	recomputed   time.Time          // when until last moved
	clock        time.Time          // what waitEnd.clock becomes if the wait ends now
}

// waitEnd says how a wait ended.
type waitEnd struct {
	cause waitCause
	// clock is the moment at which the clock ended the wait, however late the run was woken. It is zero if something
	// else ended it. What arrived after that moment belongs to the next step.
	clock time.Time
}

// waitCause says what ended a wait.
type waitCause int

const (
	waitLeft   waitCause = iota // the enrollment ended or moves elsewhere: Snapshot.Ended or Snapshot.Jump is set
	waitDue                     // until has come
	waitFound                   // find took something
	waitPaused                  // the enrollment was paused, and the wait yields to that
)

func (w *wait) end(cause waitCause) waitEnd { return waitEnd{cause: cause, clock: w.clock} }

// noteChanges notes what d may have changed of what the wait depends on. w is nil between steps.
func (w *wait) noteChanges(d contract.Delivery) {
	if w == nil {
		return
	}
	w.scoresStale = w.scoresStale || d.HandoffResult == nil
	w.traitChanged = w.traitChanged || d.Event != nil && len(d.Event.Traits) > 0
}

// woken reports whether find must be asked now, though nothing has arrived.
func (w *wait) woken(paused bool) bool { return w.wake != nil && !paused && w.wake() }

// awake holds what a run remembers from one sleep to the next, across the end of a wait and the steps after it. sleep
// clears it.
type awake struct {
	// by is the deadline that woke the run; zero: something else did. waitLoop and handleLevelCrossing set it, and
	// wokenAt reads it, so that a late worker does not time out the enrollment.
	by time.Time
	// due is the moment for which what happens now was planned: the entry, the end of the wait, the arrival of the event. newRun,
	// waitLoop, handleLevelCrossing and handleEvent set it, and planned reads it. zero: not known.
	due time.Time
	// caughtUp is the moment up to which catchUp has asked the store for what arrived, and asked is how often it
	// asked. catchUp sets and reads both.
	caughtUp time.Time
	asked    int
}

// markBufferOld marks as old what arrived during the wait that has ended, except what arrived after the clock ended it:
// that belongs to the next step. Old events are dropped, unless some wait_for looks back to the entry.
func (r *run) markBufferOld(end waitEnd) {
	lookBack := slices.ContainsFunc(r.prog.Steps, func(s journey.Step) bool { return s.Describe().LooksBack })
	var kept []Buffered
	for _, b := range r.state.Buffer {
		if end.clock.IsZero() || !b.Delivery.Received.After(end.clock) {
			b.Old = true
		}
		if lookBack || !b.Old {
			kept = append(kept, b)
		}
	}
	r.state.Buffer = kept
}

// timer is the one physical timer of a run: for the earliest deadline.
type timer struct {
	at     time.Time
	future workflow.Future
	cancel workflow.CancelFunc
}

// setTimer sets the timer to deadline. A timer that already runs for that moment stays; the zero time stops it.
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
	duration := max(r.in.Clock.Until(workflow.Now(ctx), deadline), time.Millisecond)
	timerCtx, cancel := workflow.WithCancel(ctx)
	future := workflow.NewTimerWithOptions(timerCtx, duration, workflow.TimerOptions{Summary: contract.Summary(summary)})
	r.timer = &timer{at: deadline, future: future, cancel: cancel}
}

// timerSummary returns the text that the Temporal UI shows beside the timer.
func timerSummary(p waitSpec, deadline time.Time, fades bool) string {
	if fades {
		return fmt.Sprintf("%s, until an intent may have faded at %s", p.label, stamp(deadline))
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
	return text
}
