package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// maxStepsWithoutWait is how many steps may run without a wait. An enrollment that passes it fails: its journey loops.
const maxStepsWithoutWait = 1000

// run is one run of one enrollment: its input, the state that survives it, and what is open while it runs.
type run struct {
	in         Input
	prog       *journey.Program
	state      *Snapshot
	entry      map[string]any // properties of the entry event
	chain      string
	events     workflow.ReceiveChannel // signals from channels
	deliveries workflow.ReceiveChannel // signals from the relay
	timer      *timer                  // outlives a wait if the next one has the same deadline
	awake      awake
}

// Journey is the workflow type of an enrollment: it walks the compiled journey of its input until it ends with
// exactly one outcome.
func Journey(ctx workflow.Context, in Input) (contract.Result, error) {
	r, err := newRun(ctx, in)
	if err != nil {
		return contract.Result{}, err
	}
	return r.run(ctx)
}

// newRun loads the pinned definition and registers the handlers of signals, updates and the query.
func newRun(ctx workflow.Context, in Input) (*run, error) {
	checkVersion(in)
	prog, err := journey.Load(in.Definition, in.Revision)
	if err != nil {
		return nil, temporal.NewNonRetryableApplicationError(
			fmt.Sprintf("the definition in the input cannot be loaded: %v", err),
			"BadDefinition",
			err,
		)
	}
	r := &run{in: in, prog: prog, state: in.Snapshot, entry: contract.PropertyValues(in.Entry), chain: workflow.GetInfo(ctx).FirstRunID}
	if r.state == nil {
		r.state = newSnapshot(in, prog)
		if in.Holdout {
			r.state.Cursor = ""
		}
		r.state.log(fmt.Sprintf("%s entered by %s", stamp(in.EnteredAt), in.EntryName))
		r.awake.due = in.EnteredAt
	}
	r.state.initMaps()
	if r.state.Moved {
		if err := workflow.UpsertTypedSearchAttributes(ctx, temporal.NewSearchAttributeKeyKeyword(contract.AttrRevision).ValueSet(
			in.Revision)); err != nil {
			return nil, err
		}
		r.state.Moved = false
	}
	return r, r.registerHandlers(ctx)
}

// run walks to the end and reports it to the store, whatever the end is: also after cancellation, and after an activity
// that was refused for good.
func (r *run) run(ctx workflow.Context) (contract.Result, error) {
	err := r.walk(ctx)
	var next *workflow.ContinueAsNewError
	switch {
	case errors.As(err, &next):
		return contract.Result{}, err
	case temporal.IsCanceledError(err):
		r.acted(contract.Act{Kind: "cancel"})
		r.end(ctx, contract.Cancelled, "cancelled in Temporal", 0)
		if closing := r.close(ctx); closing != nil {
			return contract.Result{}, closing
		}
		return contract.Result{}, err
	case err != nil && !r.superseded(err):
		var refused *temporal.ApplicationError
		if !errors.As(err, &refused) {
			return contract.Result{}, err
		}
		r.end(ctx, contract.Failed, clip(refused.Message(), 200), 0) // an activity was refused for good
	}
	if err := r.close(ctx); err != nil {
		return contract.Result{}, err
	}
	if r.state.SupersededBy != "" {
		return contract.Result{Reason: r.state.SupersededBy, Steps: r.state.Count}, nil
	}
	return contract.Result{Outcome: r.state.Ended.Outcome, Reason: r.state.Ended.Reason, Value: r.state.Ended.Value, Steps: r.state.Count},
		nil
}

// walk is the loop over the flat program.
func (r *run) walk(ctx workflow.Context) error {
	for r.state.Ended == nil {
		if r.state.Wait == nil { // a wait that a run before this one began handles its inbox itself
			if moved, err := r.handleOutbox(ctx, nil); err != nil {
				return err
			} else if moved {
				continue
			}
		}
		if r.state.Paused && !r.resumesWait() {
			if err := r.waitUntilResumed(ctx); err != nil {
				return err
			}
			continue
		}
		if r.state.Cursor == "" {
			if err := r.afterMainPath(ctx); err != nil {
				return err
			}
			continue
		}
		if err := r.step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// resumesWait reports whether the step at the cursor is already waiting: the run before this one continued as
// new there.
func (r *run) resumesWait() bool {
	return r.state.Wait != nil && r.state.Wait.Kind != pausedKind && r.state.Wait.Step == r.state.Cursor
}

// step performs the step at the cursor and moves the cursor to the next one.
func (r *run) step(ctx workflow.Context) error {
	at, ok := r.prog.Index(r.state.Cursor)
	if !ok {
		r.end(ctx, contract.Failed, fmt.Sprintf("step %q is not in revision %s", r.state.Cursor, r.prog.Revision()), 0)
		return nil
	}
	step := &r.prog.Steps[at]
	if !r.resumesWait() {
		r.beginStep(step)
		if r.state.StepsSinceWait++; r.state.StepsSinceWait > maxStepsWithoutWait {
			r.end(ctx, contract.Failed, fmt.Sprintf("%d steps without waiting; the last was %q", maxStepsWithoutWait, step.ID), 0)
			return nil
		}
		if step.When != "" {
			answers, err := r.conditions(ctx, nil, []expr.Expr{step.When})
			if err != nil {
				return err
			}
			if !answers[0] {
				r.skip(ctx, step)
				r.moveTo(step.Next)
				return nil
			}
		}
		r.state.Visits[step.ID]++
	}
	perform, ok := performer(step.Kind)
	if !ok {
		r.end(ctx, contract.Failed, fmt.Sprintf("step %q: this worker does not know the kind %q", step.ID, step.Kind), 0)
		return nil
	}
	next, err := perform(r, ctx, step)
	if err != nil {
		return err
	}
	if r.state.Jump != nil {
		next, r.state.Jump = *r.state.Jump, nil
	}
	if r.state.Ended == nil {
		r.moveTo(next)
	}
	return nil
}

// moveTo puts the cursor on the step at index i.
func (r *run) moveTo(i int) {
	r.state.Wait = nil
	if i == journey.End {
		r.state.Cursor = ""
		return
	}
	r.state.Cursor = r.prog.Steps[i].ID
}

// completeStep records that a step is done, the arm it continues by, and its result.
func (r *run) completeStep(ctx workflow.Context, step *journey.Step, outcome, arm string, result map[string]any) {
	now := r.now(ctx)
	visit := r.state.Visits[step.ID]
	if result != nil {
		r.state.Steps[step.ID] = result
	}
	r.state.Passed = append(r.state.Passed, contract.StepVisit{Step: step.ID, Kind: step.Kind, Visit: visit, At: now, Outcome: outcome,
		Arm: arm})
	r.state.Count++
	line := stamp(now) + " " + label(step)
	if outcome != "" {
		line += ": " + outcome
	}
	r.state.log(line)
}

// skip records that a step's condition was not true. That is not a visit, and does not count as passed.
func (r *run) skip(ctx workflow.Context, step *journey.Step) {
	r.state.Passed = append(
		r.state.Passed,
		contract.StepVisit{Step: step.ID, Kind: step.Kind, At: r.now(ctx), Outcome: journey.ArmSkipped, Arm: journey.ArmSkipped},
	)
}

// afterMainPath decides what follows the end of a path. A held-out customer, and one whose goal has a window
// (`within`), is watched until that is over; every other enrollment ends.
func (r *run) afterMainPath(ctx workflow.Context) error {
	until, outcome, reason := r.state.Deadline, contract.TimedOut, "the control group's observation ended"
	within := time.Duration(0)
	if r.prog.Goal != nil {
		within = r.prog.Goal.Within
	}
	switch {
	// continued as new, perhaps on another revision: the window stays
	case r.state.Silent && r.resumesWait() && !r.state.Wait.Until.IsZero():
		until, outcome, reason = r.state.Wait.Until, contract.Completed, "ran to the end of its path"
	case r.in.Holdout && within > 0:
		until = r.in.EnteredAt.Add(within)
	case r.in.Holdout:
	case within > 0:
		until, outcome, reason = r.in.EnteredAt.Add(within), contract.Completed, "ran to the end of its path"
		r.state.Silent = true
	default:
		r.end(ctx, contract.Completed, "ran to the end of its path", 0)
		return nil
	}
	what := "the goal"
	if r.in.Holdout {
		what = "the goal, in the control group"
	}
	end, err := r.waitLoop(ctx, waitSpec{kind: "watch", until: until, afterPath: true, words: []string{what}})
	if err != nil {
		return err
	}
	if end.cause == waitDue {
		r.end(ctx, outcome, reason, 0)
	}
	if r.state.Jump != nil {
		r.state.Wait = nil // no step to leave: handleOutbox moves the cursor
	}
	return nil
}

// end sets the outcome. Only the first call counts.
func (r *run) end(ctx workflow.Context, outcome, reason string, value float64) {
	if r.state.Ended != nil {
		return
	}
	now := r.now(ctx)
	r.state.Ended = &contract.Ended{Outcome: outcome, Reason: reason, Value: value, At: now}
	r.state.log(fmt.Sprintf("%s ended: %s (%s)", stamp(now), outcome, reason))
}

// close reports to the store how the enrollment ended. Direct events are recorded first, so that none is lost.
func (r *run) close(ctx workflow.Context) error {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	if err := r.forwardDirectEvents(ctx); err != nil {
		return err
	}
	if r.state.SupersededBy == "" {
		if err := r.report(ctx, nil); err != nil && !r.superseded(err) {
			return err
		}
	}
	r.describe(ctx)
	if err := r.forwardDirectEvents(ctx); err != nil {
		return err
	}
	return workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }) // updates that record an event
}

// superseded reports whether err says that the enrollment does not belong to this run any more, and records that.
//
// The first run of an enrollment claims it with its first activity, under its first run id. The relay cannot know whether
// a start that timed out succeeded, and repeats it, so a second run may exist. That one is refused with
// contract.Superseded, ends at once and reports nothing. Without the claim, a customer would get every message twice.
// If the error carries how the enrollment ended, this very run had ended it, but its last workflow task was lost: it
// ends the same way again.
func (r *run) superseded(err error) bool {
	var app *temporal.ApplicationError
	if errors.As(err, &app) && app.Type() == contract.Superseded {
		var ended contract.Ended
		if app.HasDetails() && app.Details(&ended) == nil && ended.Outcome != "" {
			r.state.Ended = &ended // by this run, whose last task was lost
			return true
		}
		r.state.SupersededBy = "the enrollment is closed, or belongs to another run: " + app.Message()
		return true
	}
	return false
}

// now returns the virtual time.
func (r *run) now(ctx workflow.Context) time.Time { return r.in.Clock.At(workflow.Now(ctx)) }

// wokenAt returns the virtual time at which the run was woken: the deadline that it slept until, even if it was woken
// later; otherwise now.
func (r *run) wokenAt(ctx workflow.Context) time.Time {
	if !r.awake.by.IsZero() {
		return r.awake.by
	}
	return r.now(ctx)
}

// planned returns the moment for which what happens now was planned: when the wait before it was due, or the event before it
// arrived. It is now if that is not known.
func (r *run) planned(ctx workflow.Context) time.Time {
	now := r.now(ctx)
	if r.awake.due.IsZero() || r.awake.due.After(now) {
		return now
	}
	return r.awake.due
}

// steady is how late, in real time, a run may be woken so that its next wait counts from the planned moment.
const steady = time.Minute

// afterPlanned returns the end of a wait of length d that counts from `from`. A wait that begins now counts from the planned
// moment, so that the delays of wake-ups do not add up, and two days' "09:00, then an hour" end at the same time of day. It
// counts from now if the run is late: after an outage the waits keep their length.
func (r *run) afterPlanned(ctx workflow.Context, from time.Time, d time.Duration) time.Time {
	now, planned := r.now(ctx), r.planned(ctx)
	if until := planned.Add(d); !from.Before(now) && until.After(now) && r.in.Clock.Real(now.Sub(planned)) <= steady {
		return until
	}
	return from.Add(d)
}

// key names one visit of a step, enrollment/step/visit: the key of sends, hand-offs and calls. A visit that continues
// after its step was renamed keeps the key that it began with.
func (r *run) key(step *journey.Step) string {
	if r.resumesWait() && r.state.Wait.Key != "" {
		return r.state.Wait.Key
	}
	return fmt.Sprintf("%s/%s/%d", r.in.Enrollment, step.ID, r.state.Visits[step.ID])
}
