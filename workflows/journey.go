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

// hotLimit is how many steps may run without waiting; an instance that passes it fails, because its journey
// never rests.
const hotLimit = 1000

// run is one run of one instance: what it is given, and the state that survives it.
type run struct {
	in         Input
	prog       *journey.Program
	st         *Snapshot
	chain      string
	events     workflow.ReceiveChannel // signals of channels
	deliveries workflow.ReceiveChannel // signals of the relay
	timer      *timer
	woke       time.Time          // the deadline that woke it, until it sleeps again: a wake that comes late is no reason to time out
	noticed    time.Time          // until when it has asked for what has come, since it slept
	asks       int                // how often it has, since then
	over       time.Time          // when the clock ended what it was parked at; zero: something else did
	look       bool               // some wait_for looks back to the entry
	touched    bool               // an event changed a trait that the journey waits by
	waits      []journey.Level    // levels that the step it is parked at waits for
	holds      map[string]bool    // the answers of the last look at levels, by their words
	stale      bool               // scores may have changed since
	hand       *contract.Delivery // the event at hand, while the step it is parked at looks
	busy       string             // what an activity does that is under way, in words
}

// Journey is the workflow type of an instance: it walks the compiled journey of its input until it ends with
// exactly one outcome.
func Journey(ctx workflow.Context, in Input) (contract.Result, error) {
	r, err := newRun(ctx, in)
	if err != nil {
		return contract.Result{}, err
	}
	return r.run(ctx)
}

// newRun loads the pinned definition and opens the ears.
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
	r := &run{in: in, prog: prog, st: in.Snapshot, chain: workflow.GetInfo(ctx).FirstRunID}
	if r.st == nil {
		r.st = newSnapshot(in, prog)
		if in.Holdout {
			r.st.Cursor = ""
		}
		r.st.tell(fmt.Sprintf("%s entered by %s", stamp(in.EnteredAt), in.EntryName))
	}
	r.st.mend()
	if r.st.Moved {
		if err := workflow.UpsertTypedSearchAttributes(ctx, temporal.NewSearchAttributeKeyKeyword(contract.AttrRevision).ValueSet(in.Revision)); err != nil {
			return nil, err
		}
		r.st.Moved = false
	}
	for _, step := range prog.Steps {
		if w, ok := step.Spec.(*journey.WaitFor); ok && w.Since != "" {
			r.look = true
		}
	}
	return r, r.listen(ctx)
}

// run walks, and always leaves the store knowing how it ended.
func (r *run) run(ctx workflow.Context) (contract.Result, error) {
	err := r.walk(ctx)
	var next *workflow.ContinueAsNewError
	switch {
	case errors.As(err, &next):
		return contract.Result{}, err
	case temporal.IsCanceledError(err):
		r.end(ctx, contract.Cancelled, "cancelled in Temporal", 0)
		if closing := r.close(ctx); closing != nil {
			return contract.Result{}, closing
		}
		return contract.Result{}, err
	case err != nil && !r.replaced(err):
		var refused *temporal.ApplicationError
		if !errors.As(err, &refused) {
			return contract.Result{}, err
		}
		r.end(ctx, contract.Failed, clip(refused.Message(), 200), 0) // the world refused for good what the journey asked
	}
	if err := r.close(ctx); err != nil {
		return contract.Result{}, err
	}
	if r.st.Replaced != "" {
		return contract.Result{Reason: r.st.Replaced, Steps: r.st.Count}, nil
	}
	return contract.Result{Outcome: r.st.Ended.Outcome, Reason: r.st.Ended.Reason, Value: r.st.Ended.Value, Steps: r.st.Count}, nil
}

// walk is the loop over the flat program.
func (r *run) walk(ctx workflow.Context) error {
	for r.st.Ended == nil {
		if moved, err := r.attend(ctx); err != nil {
			return err
		} else if moved {
			continue
		}
		if r.st.Paused && !r.midStep() {
			if err := r.rest(ctx); err != nil {
				return err
			}
			continue
		}
		if r.st.Cursor == "" {
			if err := r.afterPath(ctx); err != nil {
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

// midStep reports whether the step at the cursor is parked, as after continue-as-new.
func (r *run) midStep() bool {
	return r.st.Parking != nil && r.st.Parking.Kind != pausedKind && r.st.Parking.Step == r.st.Cursor
}

// step runs the step at the cursor and moves on.
func (r *run) step(ctx workflow.Context) error {
	at, ok := r.prog.Index(r.st.Cursor)
	if !ok {
		r.end(ctx, contract.Failed, fmt.Sprintf("step %q is not in revision %s", r.st.Cursor, r.prog.Revision()), 0)
		return nil
	}
	step := &r.prog.Steps[at]
	if !r.midStep() {
		if r.st.Hot++; r.st.Hot > hotLimit {
			r.end(ctx, contract.Failed, fmt.Sprintf("%d steps without waiting; the last was %q", hotLimit, step.ID), 0)
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
		r.st.Visits[step.ID]++
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
	if r.st.Jump != nil {
		next, r.st.Jump = *r.st.Jump, nil
	}
	if r.st.Ended == nil {
		r.moveTo(next)
	}
	return nil
}

// moveTo puts the cursor on the step at index i.
func (r *run) moveTo(i int) {
	r.st.Parking = nil
	if i == journey.End {
		r.st.Cursor = ""
		return
	}
	r.st.Cursor = r.prog.Steps[i].ID
}

// pass records that a step is done, the arm it goes on by, and its result.
func (r *run) pass(ctx workflow.Context, step *journey.Step, outcome, arm string, result map[string]any) {
	now := r.now(ctx)
	visit := r.st.Visits[step.ID]
	if result != nil {
		r.st.Steps[step.ID] = result
	}
	r.st.Passed = append(r.st.Passed, contract.Passage{Step: step.ID, Kind: step.Kind, Visit: visit, At: now, Outcome: outcome, Arm: arm})
	r.st.Count++
	line := stamp(now) + " " + label(step)
	if outcome != "" {
		line += ": " + outcome
	}
	r.st.tell(line)
}

// skip records that a step's condition was not true. It is no visit, and does not count as passed.
func (r *run) skip(ctx workflow.Context, step *journey.Step) {
	r.st.Passed = append(
		r.st.Passed,
		contract.Passage{Step: step.ID, Kind: step.Kind, At: r.now(ctx), Outcome: contract.ArmSkipped, Arm: contract.ArmSkipped},
	)
}

// afterPath is what follows the end of a path: a holdout's watch, the goal's window, or the end.
func (r *run) afterPath(ctx workflow.Context) error {
	until, outcome, reason := r.st.Deadline, contract.TimedOut, "the watch of the control group ended"
	within := time.Duration(0)
	if r.prog.Goal != nil {
		within = r.prog.Goal.Within
	}
	switch {
	case r.st.Silent && r.midStep() && !r.st.Parking.Until.IsZero(): // continued as new, perhaps on another revision: the window stands
		until, outcome, reason = r.st.Parking.Until, contract.Completed, "ran to the end of its path"
	case r.in.Holdout && within > 0:
		until = r.in.EnteredAt.Add(within)
	case r.in.Holdout:
	case within > 0:
		until, outcome, reason = r.in.EnteredAt.Add(within), contract.Completed, "ran to the end of its path"
		r.st.Silent = true
	default:
		r.end(ctx, contract.Completed, "ran to the end of its path", 0)
		return nil
	}
	what := "the goal"
	if r.in.Holdout {
		what = "the goal; held out as control group"
	}
	due, err := r.park(ctx, parking{kind: "watch", until: until, watching: true, words: []string{what}})
	if err != nil {
		return err
	}
	if due {
		r.end(ctx, outcome, reason, 0)
	}
	if r.st.Jump != nil {
		r.st.Parking = nil // nothing to leave behind: attend moves it
	}
	return nil
}

// end sets the one outcome; the first to come wins.
func (r *run) end(ctx workflow.Context, outcome, reason string, value float64) {
	if r.st.Ended != nil {
		return
	}
	now := r.now(ctx)
	r.st.Ended = &contract.Ended{Outcome: outcome, Reason: reason, Value: value, At: now}
	r.st.tell(fmt.Sprintf("%s ended: %s (%s)", stamp(now), outcome, reason))
}

// close tells the store how the instance ended. Events that came straight to the run are recorded first, so
// that none is lost.
func (r *run) close(ctx workflow.Context) error {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	if err := r.recordStrays(ctx); err != nil {
		return err
	}
	if r.st.Replaced == "" {
		if err := r.report(ctx, nil); err != nil && !r.replaced(err) {
			return err
		}
	}
	r.describe(ctx)
	return r.recordStrays(ctx)
}

// replaced reports whether err says that the enrollment is not this run's any more, and notes it.
func (r *run) replaced(err error) bool {
	var app *temporal.ApplicationError
	if errors.As(err, &app) && app.Type() == contract.Superseded {
		var ended contract.Ended
		if app.HasDetails() && app.Details(&ended) == nil && ended.Outcome != "" {
			r.st.Ended = &ended // by this very run, whose task was lost behind it
			return true
		}
		r.st.Replaced = "its enrollment is closed, or belongs to another run: " + app.Message()
		return true
	}
	return false
}

// now is virtual time.
func (r *run) now(ctx workflow.Context) time.Time { return r.in.Clock.At(workflow.Now(ctx)) }

// since is the virtual time at which the instance was woken: the deadline it slept until, though the wake came
// late; else now.
func (r *run) since(ctx workflow.Context) time.Time {
	if !r.woke.IsZero() {
		return r.woke
	}
	return r.now(ctx)
}

// key names one visit of a step: the ledger's key. A visit that goes on after its step was renamed keeps the
// key it began with.
func (r *run) key(step *journey.Step) string {
	if r.midStep() && r.st.Parking.Key != "" {
		return r.st.Parking.Key
	}
	return fmt.Sprintf("%s/%s/%d", r.in.Enrollment, step.ID, r.st.Visits[step.ID])
}
