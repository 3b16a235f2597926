package workflows

import (
	"encoding/json"
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// listen opens the signal, the query and the updates. Handlers validate, append and return; the walk does the rest.
func (r *run) listen(ctx workflow.Context) error {
	r.signals = workflow.GetSignalChannelWithOptions(ctx, EventName, workflow.SignalChannelOptions{
		Description: `an event of this customer: {"id","name","time","properties"}; the update of this name answers when it was taken`,
	})
	if err := workflow.SetQueryHandlerWithOptions(ctx, StateQuery, r.view, workflow.QueryHandlerOptions{
		Description: "where the instance is, since when, until when, and what it waits for",
	}); err != nil {
		return err
	}
	if err := workflow.SetUpdateHandlerWithOptions(ctx, EventName, r.onEvent, workflow.UpdateHandlerOptions{
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
	{ExitUpdate, "end the instance with outcome cancelled: {by, reason}"},
	{PauseUpdate, "send nothing and go nowhere until resume; deadlines run on: {by, reason}"},
	{ResumeUpdate, "go on; what has become due meanwhile happens now: {by}"},
	{SkipUpdate, "leave the step it is parked at, for the one behind it: {by, reason}"},
	{GoToUpdate, "go to a path or a step: {target, by, reason}"},
}

// order is the handler of one command.
type order struct {
	run  *run
	kind string
}

func (o order) take(ctx workflow.Context, c Command) error {
	c.Kind = o.kind
	if c.Kind == SkipUpdate { // what is meant is the step it is at now
		c.Target = o.run.st.Cursor
	}
	o.run.st.Arrived = append(o.run.st.Arrived, Event{Name: Commanded, Enrollment: o.run.in.Enrollment, Command: &c})
	return nil
}

func (o order) validate(c Command) error {
	c.Kind = o.kind
	return o.run.validateCommand(c)
}

func (r *run) onEvent(ctx workflow.Context, e Event) error {
	r.st.Arrived = append(r.st.Arrived, e)
	return nil
}

// validateEvent refuses, without a trace in history, what would change nothing.
func (r *run) validateEvent(e Event) error {
	switch {
	case e.ID == "" || e.Name == "":
		return reject(RejectInvalid, `an event needs "id" and "name"`)
	case e.Enrollment != "" && e.Enrollment != r.in.Enrollment:
		return reject(RejectStranger, "the event is for another enrollment")
	case r.st.Ended != nil || r.st.Replaced != "":
		return reject(RejectEnded, "the instance has ended")
	case r.st.saw(e.ID):
		return reject(RejectDuplicate, fmt.Sprintf("event %q was taken before", e.ID))
	case e.Command != nil && e.Enrollment != "":
		return r.validateCommand(*e.Command)
	}
	return nil
}

// validateCommand refuses an order that could not be carried out once those before it are.
func (r *run) validateCommand(c Command) error {
	paused := r.st.Paused
	for _, e := range r.st.Arrived {
		switch {
		case e.Command == nil || e.Enrollment == "":
		case e.Command.Kind == PauseUpdate:
			paused = true
		case e.Command.Kind == ResumeUpdate:
			paused = false
		}
	}
	return r.checkCommand(c, paused)
}

// checkCommand refuses an order that cannot be carried out by an instance that is paused, or is not.
func (r *run) checkCommand(c Command, paused bool) error {
	switch {
	case r.st.Ended != nil || r.st.Replaced != "":
		return reject(RejectEnded, "the instance has ended")
	case c.Kind == ResumeUpdate && !paused:
		return reject(RejectInvalid, "it is not paused")
	case c.Kind == PauseUpdate && paused:
		return reject(RejectInvalid, "it is paused already")
	case c.Kind == MigrateOrder:
		if _, _, refused := r.checkMove(c); refused != "" {
			return reject(RejectInvalid, refused)
		}
	case c.Kind == SkipUpdate && r.st.Cursor == "":
		return reject(RejectInvalid, "there is no step to skip: its path has ended")
	case (c.Kind == SkipUpdate || c.Kind == GoToUpdate) && r.in.Holdout:
		return reject(RejectInvalid, "the customer is held out as control group and takes no step")
	case c.Kind == GoToUpdate:
		if _, ok := r.target(c.Target); !ok {
			return reject(RejectInvalid, fmt.Sprintf("revision %s has neither a path nor a step %q", r.prog.Revision(), c.Target))
		}
	case !known(c.Kind):
		return reject(RejectInvalid, fmt.Sprintf("unknown command %q", c.Kind))
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

// drain moves what was signalled into Arrived. What cannot be read is noted and dropped: a poison signal must not stop the instance.
// An event that the store does not know yet is taken even when the instance has ended.
func (r *run) drain(ctx workflow.Context) {
	for {
		var raw json.RawMessage // afresh: a signal without a payload leaves it as it is
		if !r.signals.ReceiveAsync(&raw) {
			return
		}
		var e Event
		if err := json.Unmarshal(raw, &e); err != nil {
			r.st.tell(stamp(r.now(ctx)) + " a signal could not be read and was dropped")
			workflow.GetLogger(ctx).Warn("a signal could not be read; send {\"id\",\"name\",\"time\",\"properties\"}", "error", err)
			continue
		}
		err := r.validateEvent(e)
		var app *temporal.ApplicationError
		refused := errors.As(err, &app)
		late := refused && app.Type() == RejectEnded && e.Enrollment == ""
		stays := refused && app.Type() == RejectInvalid && e.ID != "" && e.Command != nil && e.Command.Kind == MigrateOrder // the store is told why
		if err != nil && !late && !stays {
			workflow.GetLogger(ctx).Debug("signal dropped", "event", e.ID, "reason", err)
			continue
		}
		r.st.Arrived = append(r.st.Arrived, e)
	}
}
