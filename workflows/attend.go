package workflows

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// attend takes what has arrived, in order: orders, and for each event the goal, the exits, and what is left is kept for a wait_for.
// Parked, it takes one event at a time, because the step that waits sees an event before the next one is looked at.
// It reports whether the walk must start afresh: the instance ended or was moved. Paused, it leaves the events where they are.
func (r *run) attend(ctx workflow.Context) (moved bool, err error) {
	for r.st.Ended == nil && r.st.Jump == nil {
		if err := r.recordStrays(ctx); err != nil {
			return false, err
		}
		e, ok := r.next()
		if !ok {
			break
		}
		if e.ID != "" {
			if r.st.took(e.ID) {
				continue
			}
			r.st.remember(e.ID)
		}
		if e.Command != nil {
			r.obey(ctx, *e.Command)
			continue
		}
		if err := r.react(ctx, e); err != nil {
			return false, err
		}
		if r.st.Parking != nil {
			return r.st.Ended != nil, nil
		}
	}
	if r.st.Ended == nil && r.st.Jump != nil && r.st.Parking == nil {
		r.moveTo(*r.st.Jump) // between steps: nothing to leave behind
		r.st.Jump = nil
		return true, nil
	}
	if r.st.Parking == nil && !r.st.Paused && !r.st.Silent && !r.in.Holdout && !r.since(ctx).Before(r.st.Deadline) {
		r.end(ctx, TimedOut, "its longest life was over", 0)
	}
	return r.st.Ended != nil, nil
}

// next removes the first thing to attend to; paused, the first order.
func (r *run) next() (Event, bool) {
	for i, e := range r.st.Arrived {
		if r.st.Paused && e.Command == nil {
			continue
		}
		r.st.Arrived = append(r.st.Arrived[:i:i], r.st.Arrived[i+1:]...)
		return e, true
	}
	return Event{}, false
}

// recordStrays takes events that came straight to the run into the store. They come back by the relay, in the order of their arrival there.
// One leaves Arrived only when it is recorded, so that cancellation loses none.
func (r *run) recordStrays(ctx workflow.Context) error {
	for {
		r.drain(ctx)
		i := 0
		for i < len(r.st.Arrived) && r.st.Arrived[i].Enrolment != "" {
			i++
		}
		if i == len(r.st.Arrived) {
			return nil
		}
		e := r.st.Arrived[i]
		call := TrackInput{Type: "track", UserID: r.in.Customer, Event: e.Name, MessageID: e.ID, Timestamp: e.Time, Properties: e.Properties}
		err := r.local(ctx, RecordActivity, "record "+e.Name, Record{Clock: r.in.Clock, Call: call}, nil)
		var refused *temporal.ApplicationError
		switch {
		case errors.As(err, &refused): // for good: one bad event must not stop the instance
			r.st.tell(fmt.Sprintf("%s %s could not be recorded and was dropped", stamp(r.now(ctx)), clip(e.Name, 80)))
			workflow.GetLogger(ctx).Warn("an event that came straight to the run was refused by the store", "event", e.ID, "error", err)
		case err != nil:
			return err
		}
		r.st.Arrived = append(r.st.Arrived[:i:i], r.st.Arrived[i+1:]...)
	}
}

// obey carries out an order of a person.
func (r *run) obey(ctx workflow.Context, c Command) {
	if r.checkCommand(c, r.st.Paused) != nil {
		return // it has become pointless since it was given
	}
	by := ""
	if c.By != "" {
		by = " by " + c.By
	}
	if c.Reason != "" {
		by += ": " + c.Reason
	}
	at := stamp(r.now(ctx))
	switch c.Kind {
	case ExitUpdate:
		r.end(ctx, Cancelled, "cancelled"+by, 0)
	case PauseUpdate:
		r.pause("paused" + by)
		r.st.tell(at + " paused" + by)
	case ResumeUpdate:
		r.pause("")
		r.st.tell(at + " resumed" + by)
	case SkipUpdate:
		if c.Target != r.st.Cursor {
			r.st.tell(at + " nothing skipped" + by + ": it had moved on")
			return
		}
		if i, ok := r.prog.Index(r.st.Cursor); ok {
			r.jump(r.prog.Steps[i].Next)
			r.st.tell(at + " skipped " + label(&r.prog.Steps[i]) + by)
		}
	case GoToUpdate:
		if i, ok := r.target(c.Target); ok {
			r.jump(i)
			r.st.tell(at + " sent to " + c.Target + by)
		}
	}
}

// pause halts the instance (why in words), or with empty words lets it go on; the store is told with the next report.
func (r *run) pause(why string) {
	r.st.Paused, r.st.PausedBy = why != "", why
	if r.st.Parking != nil {
		r.st.Parking.Paused, r.st.Parking.Reported = r.st.Paused, false
	}
}

// jump moves the instance to the step at index i; what it was doing is cleaned up by the step itself.
func (r *run) jump(i int) {
	r.st.Jump = &i
	r.st.Silent = false
}

// react tries the goal, then the exits. What fires neither is kept for the arms of a wait_for.
func (r *run) react(ctx workflow.Context, e Event) error {
	if len(e.Traits) > 0 {
		r.touched = true
	}
	rules := r.rules(e)
	if len(rules) > 0 {
		exprs := make([]journey.Expr, len(rules))
		for i, rule := range rules {
			exprs[i] = rule.when
		}
		answers, err := r.conditions(ctx, &e, exprs)
		if err != nil {
			return err
		}
		for i, rule := range rules {
			if !answers[i] {
				continue
			}
			var value float64
			if rule.value != "" {
				if value, err = r.number(ctx, &e, rule.value); err != nil {
					return err
				}
			}
			r.end(ctx, rule.outcome, fmt.Sprintf("by %s", e.Name), value)
			return nil
		}
	}
	if !r.st.Silent && r.awaited(e) {
		r.st.keep(e)
	}
	return nil
}

// rule is a way to end that an event may fire.
type rule struct {
	when, value journey.Expr
	outcome     string
}

// rules are the goal and the exits that e may fire, in the order they are tried.
func (r *run) rules(e Event) []rule {
	var rules []rule
	if e.Handoff != "" {
		return nil
	}
	if g := r.prog.Goal; g != nil && named(g.Events, e.Name) {
		rules = append(rules, rule{when: g.When, value: g.Value, outcome: Goal})
	}
	if r.st.Silent {
		return rules
	}
	for _, x := range r.prog.Exit {
		if named(x.Events, e.Name) {
			rules = append(rules, rule{when: x.When, outcome: x.Outcome})
		}
	}
	return rules
}

// named reports whether name is in names; no names are all names.
func named(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return len(names) == 0
}

// awaited reports whether some step could take e.
func (r *run) awaited(e Event) bool {
	if e.Handoff != "" {
		return true
	}
	for _, step := range r.prog.Steps {
		w, ok := step.Spec.(*journey.WaitFor)
		if !ok {
			continue
		}
		for _, arm := range w.Arms {
			if len(arm.Events) > 0 && named(arm.Events, e.Name) {
				return true
			}
		}
	}
	return false
}
