package workflows

import (
	"encoding/json"
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// registerHandlers registers the handlers of signals, updates and the query. They validate, append and return; the walk
// does the rest.
func (r *run) registerHandlers(ctx workflow.Context) error {
	r.events = workflow.GetSignalChannelWithOptions(ctx, contract.EventName, workflow.SignalChannelOptions{
		Description: `an event of this customer: {"id","name","time","properties"}; the update of this name answers once it is accepted`,
	})
	r.deliveries = workflow.GetSignalChannelWithOptions(ctx, contract.DeliveryName, workflow.SignalChannelOptions{
		Description: "what tabi's own relay delivers; channels use the signal event",
	})
	if err := workflow.SetQueryHandlerWithOptions(ctx, contract.StateQuery, r.queryState, workflow.QueryHandlerOptions{
		Description: "where the enrollment is, since when, until when, and what it waits for",
	}); err != nil {
		return err
	}
	if err := workflow.SetUpdateHandlerWithOptions(ctx, contract.EventName, r.onEvent, workflow.UpdateHandlerOptions{
		Validator:   r.validateEvent,
		Description: `an event of this customer: {"id","name","time","properties"}`,
	}); err != nil {
		return err
	}
	if err := workflow.SetUpdateHandlerWithOptions(ctx, contract.DeliveryName, r.onDelivery, workflow.UpdateHandlerOptions{
		Validator:   r.validateDelivery,
		Description: "what tabi's own relay delivers; channels use the update event",
	}); err != nil {
		return err
	}
	for _, c := range commands {
		handler := commandHandler{run: r, kind: c.kind}
		if err := workflow.SetUpdateHandlerWithOptions(ctx, c.kind, handler.take, workflow.UpdateHandlerOptions{
			Validator: handler.validate, Description: c.doc,
		}); err != nil {
			return err
		}
	}
	return nil
}

// commands are the updates by which people act on an enrollment.
var commands = []struct{ kind, doc string }{
	{contract.ExitUpdate, "end the enrollment with outcome cancelled: {by, reason}"},
	{contract.PauseUpdate, "stay at this step and send nothing until resumed; deadlines keep running: {by, reason}"},
	{contract.ResumeUpdate, "continue; what became due in the meantime happens now: {by}"},
	{contract.SkipUpdate, "leave the current step and continue with the one after it: {by, reason}"},
	{contract.GoToUpdate, "go to a path or a step: {target, by, reason}"},
}

// commandHandler is the handler of one command.
type commandHandler struct {
	run  *run
	kind string
}

func (o commandHandler) take(ctx workflow.Context, c contract.Command) error {
	c.Kind = o.kind
	if c.Kind == contract.SkipUpdate { // meant is the step that it is at now
		c.Target = o.run.state.Cursor
	}
	o.run.state.Arrived = append(o.run.state.Arrived, contract.Delivery{Enrollment: o.run.in.Enrollment, Command: &c})
	return nil
}

func (o commandHandler) validate(c contract.Command) error {
	c.Kind = o.kind
	return o.run.validateCommand(c)
}

// onEvent stores an event before it answers, so that success means recorded. It does so in its own coroutine, since the walk may
// wait for all handlers. The run neither ends nor continues as new meanwhile, and cancellation loses nothing.
func (r *run) onEvent(ctx workflow.Context, e contract.Event) error {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	err := r.record(ctx, e)
	var refused *temporal.ApplicationError
	if errors.As(err, &refused) {
		return reject(contract.RejectInvalid, "the event could not be recorded: "+refused.Message())
	}
	return err
}

func (r *run) onDelivery(_ workflow.Context, d contract.Delivery) error {
	r.state.Arrived = append(r.state.Arrived, d)
	return nil
}

// validateEvent refuses an event that would change nothing. A refused update costs no history.
func (r *run) validateEvent(e contract.Event) error {
	if e.ID == "" || e.Name == "" {
		return reject(contract.RejectInvalid, `an event needs "id" and "name"`)
	}
	return r.validateInput(e.ID)
}

// validateDelivery refuses a delivery that would change nothing.
func (r *run) validateDelivery(d contract.Delivery) error {
	switch {
	case d.ID == "" || !exactlyOne(d) || d.Event != nil && d.Event.Name == "":
		return reject(contract.RejectInvalid, "a delivery needs an id and exactly one of event, command, handoff_result and scores_changed")
	case d.Event != nil && len(d.Event.Properties) > 0 && d.Event.Properties[0] != '{':
		return reject(contract.RejectInvalid, "the properties of an event must be a JSON object")
	case d.Enrollment != r.in.Enrollment:
		return reject(contract.RejectWrongEnrollment, "the delivery is for another enrollment")
	}
	if err := r.validateInput(d.ID); err != nil || d.Command == nil {
		return err
	}
	return r.validateCommand(*d.Command)
}

// validateInput refuses what arrives after the end, and what arrived before.
func (r *run) validateInput(id string) error {
	switch {
	case r.state.Ended != nil || r.state.SupersededBy != "":
		return reject(contract.RejectJourneyEnded, "the enrollment has ended")
	case r.state.saw(id):
		return reject(contract.RejectDuplicate, fmt.Sprintf("event %q was taken before", id))
	}
	return nil
}

func exactlyOne(d contract.Delivery) bool {
	n := 0
	for _, set := range []bool{d.Event != nil, d.Command != nil, d.HandoffResult != nil, d.ScoresChanged != nil} {
		if set {
			n++
		}
	}
	return n == 1
}

// validateCommand refuses a command that could not be executed after those that have arrived before it.
func (r *run) validateCommand(c contract.Command) error {
	paused := r.state.Paused
	for _, d := range r.state.Arrived {
		switch {
		case d.Command == nil:
		case d.Command.Kind == contract.PauseUpdate:
			paused = true
		case d.Command.Kind == contract.ResumeUpdate:
			paused = false
		}
	}
	return r.checkCommand(c, paused)
}

// checkCommand refuses a command that the enrollment cannot execute. paused says whether it is paused by then.
func (r *run) checkCommand(c contract.Command, paused bool) error {
	switch {
	case r.state.Ended != nil || r.state.SupersededBy != "":
		return reject(contract.RejectJourneyEnded, "the enrollment has ended")
	case c.Kind == contract.ResumeUpdate && !paused:
		return reject(contract.RejectInvalid, "the enrollment is not paused")
	case c.Kind == contract.PauseUpdate && paused:
		return reject(contract.RejectInvalid, "the enrollment is already paused")
	case c.Kind == contract.MigrateOrder:
		if _, _, refused := r.checkMove(c); refused != "" {
			return reject(contract.RejectInvalid, refused)
		}
	case c.Kind == contract.SkipUpdate && r.state.Cursor == "":
		return reject(contract.RejectInvalid, "there is no step to skip: the enrollment has reached the end of its path")
	case (c.Kind == contract.SkipUpdate || c.Kind == contract.GoToUpdate) && r.in.Holdout:
		return reject(contract.RejectInvalid, "the customer is held out as control group and takes no step")
	case c.Kind == contract.GoToUpdate:
		if _, ok := r.target(c.Target); !ok {
			return reject(contract.RejectInvalid, fmt.Sprintf("revision %s has neither a path nor a step %q", r.prog.Revision(), c.Target))
		}
	case !isCommand(c.Kind):
		return reject(contract.RejectInvalid, fmt.Sprintf("unknown command %q", c.Kind))
	}
	return nil
}

func isCommand(kind string) bool {
	for _, c := range commands {
		if c.kind == kind {
			return true
		}
	}
	return false
}

// target finds the step at which a path starts, or the step with this id.
func (r *run) target(name string) (int, bool) {
	if at, ok := r.prog.Start(name); ok {
		return at, true
	}
	return r.prog.Index(name)
}

func reject(kind, message string) error {
	return temporal.NewNonRetryableApplicationError(message, kind, nil)
}

// drain moves signals into Arrived and Direct. A signal that cannot be read is logged and dropped: a poison signal must
// not stop the run. A direct event is taken even after the end, because the store does not know it yet.
func (r *run) drain(ctx workflow.Context) {
	for {
		var d contract.Delivery
		more, ok := receive(ctx, r, r.deliveries, &d)
		if !more {
			break
		}
		if !ok {
			continue
		}
		err := r.validateDelivery(d)
		migrates := d.Command != nil && d.Command.Kind == contract.MigrateOrder
		if err != nil && !(migrates && d.ID != "" && rejectedAs(err, contract.RejectInvalid)) { // the store waits for the reason
			if rejectedAs(err, contract.RejectInvalid) || rejectedAs(err, contract.RejectWrongEnrollment) {
				r.state.log(fmt.Sprintf("%s a delivery (id %q) was dropped: %s", stamp(r.now(ctx)), clip(d.ID, 80), reason(err)))
			}
			workflow.GetLogger(ctx).Debug("signal dropped", "delivery", d.ID, "reason", err)
			continue
		}
		r.state.Arrived = append(r.state.Arrived, d)
	}
	for {
		var e contract.Event
		more, ok := receive(ctx, r, r.events, &e)
		if !more {
			return
		}
		if !ok {
			continue
		}
		if err := r.validateEvent(e); err != nil && !rejectedAs(err, contract.RejectJourneyEnded) {
			if rejectedAs(err, contract.RejectInvalid) {
				r.dropped(ctx, e, reason(err))
			}
			workflow.GetLogger(ctx).Debug("signal dropped", "event", e.ID, "reason", err)
			continue
		}
		r.state.Direct = append(r.state.Direct, e)
	}
}

// receive takes the next signal of a channel. more is false if there is none, ok is false if it cannot be read.
func receive(ctx workflow.Context, r *run, from workflow.ReceiveChannel, into any) (more, ok bool) {
	var raw json.RawMessage // a new one each time: a signal without a payload leaves it unchanged
	if !from.ReceiveAsync(&raw) {
		return false, false
	}
	if err := json.Unmarshal(raw, into); err != nil {
		r.state.log(fmt.Sprintf("%s a signal could not be read and was dropped: %s", stamp(r.now(ctx)), clip(err.Error(), 200)))
		workflow.GetLogger(ctx).Warn("a signal could not be read; send {\"id\",\"name\",\"time\",\"properties\"}", "error", err)
		return true, false
	}
	return true, true
}

// reason returns the words of a rejection.
func reason(err error) string {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return app.Message()
	}
	return err.Error()
}

func rejectedAs(err error, kind string) bool {
	var app *temporal.ApplicationError
	return errors.As(err, &app) && app.Type() == kind
}
