package workflows

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// handleOutbox handles what has arrived, in order. A command is executed. An event is tried against the goal, the exits
// and the reroutes; if none of them fires, it is buffered for a step.
//
// During a wait w it handles one event and returns, because the waiting step must see an event before the next one
// is handled: of "reply, then order" the reply belongs to the step that waits for it, the order to the one after it.
// Between steps (w is nil) it handles all. While paused it handles commands only, and leaves events in Arrived.
//
// moved reports that the enrollment has ended or its cursor has moved, so that the walk must begin again.
func (r *run) handleOutbox(ctx workflow.Context, w *wait) (moved bool, err error) {
	for r.state.Ended == nil && r.state.Jump == nil {
		if err := r.forwardDirectEvents(ctx); err != nil {
			return false, err
		}
		d, ok := r.nextDelivery()
		if !ok {
			break
		}
		if d.ID != "" {
			if r.state.took(d.ID) {
				continue
			}
			r.state.remember(d.ID)
		}
		if d.Command != nil {
			if d.ID == "" {
				r.acted(contract.Act{
					Kind: d.Command.Kind, By: d.Command.By, Target: d.Command.Target,
					Vain: r.checkCommand(*d.Command, r.state.Paused) != nil,
				})
			}
			if err := r.execute(ctx, *d.Command); err != nil {
				return false, err
			}
			continue
		}
		if err := r.handleEvent(ctx, w, d); err != nil {
			return false, err
		}
		if w != nil {
			return r.state.Ended != nil, nil
		}
	}
	if r.state.Ended == nil && r.state.Jump != nil && w == nil {
		r.moveTo(*r.state.Jump) // between steps: there is no step to leave
		r.state.Jump = nil
		return true, nil
	}
	if r.state.Ended == nil && w == nil && !r.state.Paused && !r.state.Silent && !r.in.Holdout &&
		!r.wokenAt(ctx).Before(r.state.Deadline) {
		if more, err := r.catchUp(ctx, r.state.Deadline, true); err != nil {
			return false, err
		} else if more {
			return r.handleOutbox(ctx, w) // ends: catchUp asks for what has arrived a limited number of times
		}
		r.end(ctx, contract.TimedOut, "journey timeout reached", 0)
	}
	return r.state.Ended != nil, nil
}

// nextDelivery removes and returns the first delivery to handle; while paused, the first command.
func (r *run) nextDelivery() (contract.Delivery, bool) {
	for i, d := range r.state.Arrived {
		if r.state.Paused && d.Command == nil {
			continue
		}
		r.state.Arrived = append(r.state.Arrived[:i:i], r.state.Arrived[i+1:]...)
		return d, true
	}
	return contract.Delivery{}, false
}

// forwardDirectEvents stores the events that channels signaled straight to the run. The relay delivers them afterwards, in
// the order in which the store accepted them. An event leaves Direct only after it is stored, so that
// cancellation loses none. One that the store refuses is dropped, with a line in the log.
func (r *run) forwardDirectEvents(ctx workflow.Context) error {
	for {
		r.drain(ctx)
		if len(r.state.Direct) == 0 {
			return nil
		}
		var refused *temporal.ApplicationError
		if err := r.record(ctx, r.state.Direct[0]); err != nil && !errors.As(err, &refused) {
			return err
		}
		r.state.Direct = r.state.Direct[1:] // also if it was refused for good: one bad event must not stop the run
	}
}

// record stores an event that came straight to the run, as one of the enrollment's customer of now.
func (r *run) record(ctx workflow.Context, e contract.Event) error {
	err := r.local(ctx, contract.RecordActivity, "record "+e.Name, contract.Record{
		Clock: r.in.Clock, Enrollment: r.in.Enrollment,
		Call: contract.TrackInput{Type: "track", Event: e.Name, MessageID: e.ID, Timestamp: e.Time, Properties: e.Properties},
	}, nil)
	var refused *temporal.ApplicationError
	if errors.As(err, &refused) {
		r.dropped(ctx, e, refused.Message())
	}
	return err
}

// dropped says in the log that an event which came straight to the run was dropped, and why.
func (r *run) dropped(ctx workflow.Context, e contract.Event, why string) {
	r.state.log(fmt.Sprintf("%s event %q (id %q) was dropped: %s", stamp(r.now(ctx)), clip(e.Name, 80), clip(e.ID, 80), clip(why, 200)))
	workflow.GetLogger(ctx).Warn("an event that came straight to the run was dropped", "event", e.ID, "reason", why)
}

// execute executes a command of a person.
func (r *run) execute(ctx workflow.Context, c contract.Command) error {
	if c.Kind == contract.MigrateOrder {
		return r.migrate(ctx, c)
	}
	if r.checkCommand(c, r.state.Paused) != nil {
		return nil // what was handled since it was given has made it pointless
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
	case contract.ExitUpdate:
		r.end(ctx, contract.Cancelled, "cancelled"+by, 0)
	case contract.PauseUpdate:
		r.pause("paused" + by)
		r.state.log(at + " paused" + by)
	case contract.ResumeUpdate:
		r.pause("")
		r.state.log(at + " resumed" + by)
	case contract.SkipUpdate:
		if c.Target != r.state.Cursor {
			r.state.log(at + " nothing skipped" + by + ": the enrollment had already left that step")
			return nil
		}
		if i, ok := r.prog.Index(r.state.Cursor); ok {
			r.jump(r.prog.Steps[i].Next)
			r.state.log(at + " skipped " + label(&r.prog.Steps[i]) + by)
		}
	case contract.GoToUpdate:
		if i, ok := r.target(c.Target); ok {
			r.jump(i)
			r.state.log(at + " moved to " + c.Target + by)
		}
	}
	return nil
}

// maxActs bounds the acts that wait for a report. There is one after each, so that more means that none arrives.
const maxActs = 50

// acted keeps what a person did by Temporal for the audit log.
func (r *run) acted(a contract.Act) {
	a.By, a.Target = clip(a.By, 80), clip(a.Target, 80)
	if len(r.state.Acts) < maxActs {
		r.state.Acts = append(r.state.Acts, a)
	}
}

// pause pauses the enrollment and records why, in words. Without a reason it resumes the enrollment. The next report
// says so.
func (r *run) pause(why string) {
	r.state.Paused, r.state.PausedBy = why != "", why
	if r.state.Wait != nil {
		r.state.Wait.Paused, r.state.Wait.Reported = r.state.Paused, false
	}
}

// jump moves the enrollment to the step at index i. The step that it leaves cleans up after itself.
func (r *run) jump(i int) {
	r.state.Jump = &i
	r.state.Silent = false
}
