package workflows

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// checkMove loads the revision of a migrate order and finds the step at which the enrollment would continue.
// refused says in words why it stays.
func (r *run) checkMove(c contract.Command) (to *journey.Program, step, refused string) {
	switch {
	case c.Revision == "" || len(c.Definition) == 0:
		return nil, "", "a migrate command needs a revision and its definition; only the store can send it"
	case c.Revision == r.in.Revision:
		return nil, "", fmt.Sprintf("the enrollment is already on revision %s", c.Revision)
	case r.in.Holdout:
		return nil, "", "the customer is held out as control group and takes no step"
	case r.state.Wait != nil && r.state.Wait.Activity != "":
		return nil, "", fmt.Sprintf("%s is in progress; try again later", r.state.Wait.Activity)
	}
	to, err := journey.Load(c.Definition, c.Revision)
	if err != nil {
		return nil, "", fmt.Sprintf("revision %s cannot be loaded: %v", c.Revision, err)
	}
	step, refused = r.prog.CanMigrate(r.state.Cursor, to, c.Renamed)
	return to, step, refused
}

// migrate moves the enrollment to another revision. The store switches first, and from then on serves the enrollment by
// the new revision; then the run continues as new on it, at once, from where it is. If it cannot, it reports why.
//
// Properties of events that the run holds are those that the old revision reads, so they are asked for again,
// as the new one reads them. Events may arrive during that activity, still read for the old revision. It is
// therefore repeated until nothing unread is left.
func (r *run) migrate(ctx workflow.Context, c contract.Command) error {
	to, step, refused := r.checkMove(c)
	move := contract.Move{Ref: r.ref(), To: c.Revision, Step: step, Refused: refused}
	by := ""
	if c.By != "" {
		by = " by " + c.By
	}
	if refused != "" {
		return r.refuseMove(ctx, move, by)
	}
	in := r.in
	in.Interpreter, in.Revision, in.Definition = contract.InterpreterVersion, c.Revision, c.Definition
	read := map[string]json.RawMessage{}
	asked := []string{}
	for first := true; ; first = false {
		move.Events = r.state.eventsToReread(asked)
		if !first && len(move.Events) == 0 {
			break
		}
		var result contract.MoveResult
		if err := r.local(ctx, contract.MoveActivity, "move to revision "+c.Revision, move, &result); err != nil {
			var app *temporal.ApplicationError
			if first && errors.As(err, &app) && app.Type() != contract.Superseded { // the store refuses the move: no reason to end
				move.Refused, move.Events = clip(app.Message(), 200), nil
				return r.refuseMove(ctx, move, by)
			}
			return err
		}
		in.Entry = result.Entry
		for _, id := range move.Events {
			if properties, ok := result.Events[id]; ok {
				read[id] = properties
			}
		}
		asked = append(asked, move.Events...)
		if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
			return err
		}
		r.drain(ctx)
	}
	r.state.log(fmt.Sprintf("%s moved from revision %s to %s%s", stamp(r.now(ctx)), r.in.Revision, c.Revision, by))
	r.state.move(r.in.Revision, to, step, c.Renamed, read)
	if r.state.Wait != nil {
		r.state.Wait.Retime = c.Retime
	}
	in.Snapshot = r.state
	return workflow.NewContinueAsNewError(ctx, contract.JourneyType, in)
}

// resumedUntil returns when a wait ends that the run before this one began: the moment that it had or, if a migration asked to
// compute it again, d after it began, where d is what its step now says.
func (r *run) resumedUntil(ctx workflow.Context, d time.Duration) time.Time {
	w := r.state.Wait
	if w.Retime {
		r.retime(ctx, w.Since.Add(d))
	}
	return w.Until
}

// retime sets another end of the wait, which the next report tells the store.
func (r *run) retime(ctx workflow.Context, until time.Time) {
	w := r.state.Wait
	w.Retime = false
	if until.Equal(w.Until) {
		return
	}
	r.state.log(fmt.Sprintf("%s %s: waits until %s, no longer until %s", stamp(r.now(ctx)), w.Step, stamp(until), stamp(w.Until)))
	w.Until, w.Reported = until, false
}

// refuseMove reports to the store why the enrollment does not move.
func (r *run) refuseMove(ctx workflow.Context, move contract.Move, by string) error {
	r.state.log(fmt.Sprintf("%s stays on revision %s%s: %s", stamp(r.now(ctx)), r.in.Revision, by, clip(move.Refused, 200)))
	return r.local(ctx, contract.MoveActivity, "refuse to move to revision "+move.To, move, nil)
}

// hasMigrateOrder reports whether a migrate order has arrived and is not handled yet.
func (s *Snapshot) hasMigrateOrder() bool {
	return slices.ContainsFunc(
		s.Arrived,
		func(d contract.Delivery) bool { return d.Command != nil && d.Command.Kind == contract.MigrateOrder },
	)
}

// eventsToReread returns the ids of the events that the enrollment holds with properties, except those in asked.
func (s *Snapshot) eventsToReread(asked []string) []string {
	ids := []string{}
	add := func(id string) {
		if id != "" && !slices.Contains(asked, id) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, step := range workflow.DeterministicKeys(s.Taken) {
		add(s.Taken[step])
	}
	if s.Last != nil {
		add(s.Last.ID)
	}
	for _, k := range s.Buffer {
		if k.Delivery.Event != nil {
			add(k.Delivery.ID)
		}
	}
	for _, d := range s.Arrived {
		if d.Event != nil {
			add(d.ID)
		}
	}
	return ids
}

// move makes the state one of another revision: it is at step, steps have their new ids, and properties are as the new
// revision reads them. Where the enrollment waits, until when, and its deadline stay; what it sent stays sent.
func (s *Snapshot) move(from string, to *journey.Program, step string, renamed map[string]string, read map[string]json.RawMessage) {
	s.Cursor, s.LevelCrossing = step, time.Time{} // its levels may be others
	if s.Wait != nil {
		if s.Wait.Step != "" {
			s.Wait.Step = step
		}
		s.Wait.Reported = false
	}
	name := stepRenames(renamed)
	s.Steps, s.Taken, s.Calls = renameKeys(s.Steps, name), renameKeys(s.Taken, name), renameKeys(s.Calls, name)
	s.Visits = renameVisits(s.Visits, name)
	for i := range s.Passed { // they are reported later, and are steps of the revision that they were passed on
		s.Passed[i].Revision = cmp.Or(s.Passed[i].Revision, from)
	}
	for _, variable := range workflow.DeterministicKeys(to.Vars) {
		if _, has := s.Vars[variable]; !has {
			s.Vars[variable] = expr.ToPlain(to.Vars[variable])
		}
	}
	reread := func(d *contract.Delivery) {
		if properties, ok := read[d.ID]; ok && d.Event != nil {
			e := *d.Event
			d.Event = &contract.CustomerEvent{Name: e.Name, Time: e.Time, Properties: properties, Traits: e.Traits}
		}
	}
	if s.Last != nil {
		reread(s.Last)
	}
	for i := range s.Buffer {
		reread(&s.Buffer[i].Delivery)
		s.Buffer[i].Tried = "" // the arms may be others
	}
	for i := range s.Arrived {
		reread(&s.Arrived[i])
	}
	for _, id := range workflow.DeterministicKeys(s.Taken) {
		result := s.Steps[id]
		_, has := result["properties"] // a reply has none
		if properties, ok := read[s.Taken[id]]; ok && has {
			s.Steps[id] = with(result, []string{"properties"}, contract.PropertyValues(properties))
		}
	}
	s.Moved = true
}

// stepRenames maps step ids of a revision to those of another.
type stepRenames map[string]string

func (n stepRenames) of(id string) string {
	if name, ok := n[id]; ok {
		return name
	}
	return id
}

// renameKeys returns m under the new ids. If a step was renamed to an id that another step had, the renamed step wins.
func renameKeys[V any](m map[string]V, name stepRenames) map[string]V {
	out := make(map[string]V, len(m))
	for _, renamed := range []bool{false, true} {
		for _, id := range workflow.DeterministicKeys(m) {
			if (name.of(id) != id) == renamed {
				out[name.of(id)] = m[id]
			}
		}
	}
	return out
}

// renameVisits returns how often each step was visited, under old and new ids. A step that gets the id of another one
// continues its count, so that a key under which something was sent is never used again.
func renameVisits(visits map[string]int, name stepRenames) map[string]int {
	out := make(map[string]int, len(visits))
	for _, id := range workflow.DeterministicKeys(visits) {
		out[id] = max(out[id], visits[id])
		out[name.of(id)] = max(out[name.of(id)], visits[id])
	}
	return out
}
