package workflows

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tabi-journeys/tabi/workflows/contract"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// listen opens the signal, the query and the updates. Handlers validate, append and return; the walk does the rest.
func (r *run) listen(ctx workflow.Context) error {
	r.signals = workflow.GetSignalChannelWithOptions(ctx, contract.EventName, workflow.SignalChannelOptions{
		Description: `an event of this customer: {"id","name","time","properties"}; the update of this name answers when it was taken`,
	})
	if err := workflow.SetQueryHandlerWithOptions(ctx, contract.StateQuery, r.view, workflow.QueryHandlerOptions{
		Description: "where the instance is, since when, until when, and what it waits for",
	}); err != nil {
		return err
	}
	if err := workflow.SetUpdateHandlerWithOptions(ctx, contract.EventName, r.onEvent, workflow.UpdateHandlerOptions{
		Validator:   r.validateEvent,
		Description: `an event of this customer: {"id","name","time","properties"}`,
	}); err != nil {
		return err
	}
	for _, c := range commands {
		handler := order{run: r, kind: c.kind}
		if err := workflow.SetUpdateHandlerWithOptions(ctx, c.kind, handler.take, workflow.UpdateHandlerOptions{
			Validator: handler.validate, Description: c.doc,
		}); err != nil {
			return err
		}
	}
	return nil
}

// commands are the updates by which people act on an instance.
var commands = []struct{ kind, doc string }{
	{contract.ExitUpdate, "end the instance with outcome cancelled: {by, reason}"},
	{contract.PauseUpdate, "send nothing and go nowhere until resume; deadlines run on: {by, reason}"},
	{contract.ResumeUpdate, "go on; what has become due meanwhile happens now: {by}"},
	{contract.SkipUpdate, "leave the step it is parked at, for the one behind it: {by, reason}"},
	{contract.GoToUpdate, "go to a path or a step: {target, by, reason}"},
}

// order is the handler of one command.
type order struct {
	run  *run
	kind string
}

func (o order) take(ctx workflow.Context, c contract.Command) error {
	c.Kind = o.kind
	if c.Kind == contract.SkipUpdate { // what is meant is the step it is at now
		c.Target = o.run.st.Cursor
	}
	o.run.st.Arrived = append(o.run.st.Arrived, contract.Event{Name: contract.Commanded, Enrollment: o.run.in.Enrollment, Command: &c})
	return nil
}

func (o order) validate(c contract.Command) error {
	c.Kind = o.kind
	return o.run.validateCommand(c)
}

func (r *run) onEvent(ctx workflow.Context, e contract.Event) error {
	r.st.Arrived = append(r.st.Arrived, e)
	return nil
}

// validateEvent refuses, without a trace in history, what would change nothing.
func (r *run) validateEvent(e contract.Event) error {
	switch {
	case e.ID == "" || e.Name == "":
		return reject(contract.RejectInvalid, `an event needs "id" and "name"`)
	case e.Enrollment != "" && e.Enrollment != r.in.Enrollment:
		return reject(contract.RejectWrongEnrollment, "the event is for another enrollment")
	case r.st.Ended != nil || r.st.Replaced != "":
		return reject(contract.RejectJourneyEnded, "the instance has ended")
	case r.st.saw(e.ID):
		return reject(contract.RejectDuplicate, fmt.Sprintf("event %q was taken before", e.ID))
	case e.Command != nil && e.Enrollment != "":
		return r.validateCommand(*e.Command)
	}
	return nil
}

// validateCommand refuses an order that could not be carried out once those before it are.
func (r *run) validateCommand(c contract.Command) error {
	paused := r.st.Paused
	for _, e := range r.st.Arrived {
		switch {
		case e.Command == nil || e.Enrollment == "":
		case e.Command.Kind == contract.PauseUpdate:
			paused = true
		case e.Command.Kind == contract.ResumeUpdate:
			paused = false
		}
	}
	return r.checkCommand(c, paused)
}

// checkCommand refuses an order that cannot be carried out by an instance that is paused, or is not.
func (r *run) checkCommand(c contract.Command, paused bool) error {
	switch {
	case r.st.Ended != nil || r.st.Replaced != "":
		return reject(contract.RejectJourneyEnded, "the instance has ended")
	case c.Kind == contract.ResumeUpdate && !paused:
		return reject(contract.RejectInvalid, "it is not paused")
	case c.Kind == contract.PauseUpdate && paused:
		return reject(contract.RejectInvalid, "it is paused already")
	case c.Kind == contract.MigrateOrder:
		if _, _, refused := r.checkMove(c); refused != "" {
			return reject(contract.RejectInvalid, refused)
		}
	case c.Kind == contract.SkipUpdate && r.st.Cursor == "":
		return reject(contract.RejectInvalid, "there is no step to skip: its path has ended")
	case (c.Kind == contract.SkipUpdate || c.Kind == contract.GoToUpdate) && r.in.Holdout:
		return reject(contract.RejectInvalid, "the customer is held out as control group and takes no step")
	case c.Kind == contract.GoToUpdate:
		if _, ok := r.target(c.Target); !ok {
			return reject(contract.RejectInvalid, fmt.Sprintf("revision %s has neither a path nor a step %q", r.prog.Revision(), c.Target))
		}
	case !known(c.Kind):
		return reject(contract.RejectInvalid, fmt.Sprintf("unknown command %q", c.Kind))
	}
	return nil
}

func known(kind string) bool {
	for _, c := range commands {
		if c.kind == kind {
			return true
		}
	}
	return false
}

// target finds a path or a step.
func (r *run) target(name string) (int, bool) {
	if at, ok := r.prog.Start(name); ok {
		return at, true
	}
	return r.prog.Index(name)
}

func reject(kind, message string) error {
	return temporal.NewNonRetryableApplicationError(message, kind, nil)
}

// drain moves what was signalled into Arrived. What cannot be read is noted and dropped: a poison signal must
// not stop the instance. An event that the store does not know yet is taken even when the instance has ended.
func (r *run) drain(ctx workflow.Context) {
	for {
		var raw json.RawMessage // afresh: a signal without a payload leaves it as it is
		if !r.signals.ReceiveAsync(&raw) {
			return
		}
		var e contract.Event
		if err := json.Unmarshal(raw, &e); err != nil {
			r.st.tell(stamp(r.now(ctx)) + " a signal could not be read and was dropped")
			workflow.GetLogger(ctx).Warn("a signal could not be read; send {\"id\",\"name\",\"time\",\"properties\"}", "error", err)
			continue
		}
		err := r.validateEvent(e)
		var app *temporal.ApplicationError
		refused := errors.As(err, &app)
		late := refused && app.Type() == contract.RejectJourneyEnded && e.Enrollment == ""
		stays := refused && app.Type() == contract.RejectInvalid && e.ID != "" && e.Command != nil &&
			e.Command.Kind == contract.MigrateOrder // the store is told why
		if err != nil && !late && !stays {
			workflow.GetLogger(ctx).Debug("signal dropped", "event", e.ID, "reason", err)
			continue
		}
		r.st.Arrived = append(r.st.Arrived, e)
	}
}
