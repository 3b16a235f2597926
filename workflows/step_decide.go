package workflows

import (
	"fmt"
	"strconv"

	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// decide has the next best action chosen, and its message sent by the same activity. If that could not send it, deliver
// does, as for any send.
func (r *run) decide(ctx workflow.Context, step *journey.Step) (int, error) {
	spec := step.Spec.(*journey.Decide)
	key := r.key(step)
	made := &decision{
		run: r,
		order: contract.Decide{Ref: r.ref(), EvalContext: r.evalContext(nil), Key: key, Step: step.ID, Visit: r.state.Visits[step.ID],
			Spec: *spec},
	}
	sent, said, err := r.sendUntilDone(ctx, step, key, made)
	if err != nil || !said {
		return step.Next, err
	}
	d := made.result
	if sent.Channel == "" {
		sent.Channel = d.Channel
	}
	d.SendResult = sent
	arm, next := "", step.Next
	switch {
	case d.Action == "":
		d.Status, arm, next = contract.StatusSuppressed, journey.ArmNone, spec.None
	case d.Status != contract.StatusChosen && d.Status != contract.StatusSuppressed && d.Status != contract.StatusSent:
		d.Status = contract.StatusFailed // also if the status is one that a decision cannot have
	}
	r.completeStep(ctx, step, decideWords(d), arm, map[string]any{
		"action": d.Action, "channel": d.Channel, "propensity": d.Propensity, "priority": d.Priority, "status": d.Status,
		"reason": d.Reason,
	})
	return next, nil
}

// decision sends the message of an action that is decided first.
type decision struct {
	run    *run
	order  contract.Decide
	result contract.DecideResult
}

// send asks for the decision until it is made. The store answers the same key with the same decision.
func (d *decision) send(ctx workflow.Context) (contract.SendResult, contract.Send, error) {
	d.result = contract.DecideResult{}
	d.order.Planned = d.run.planned(ctx)
	err := d.run.local(ctx, contract.DecideActivity, "decide "+d.what(), d.order, &d.result)
	o := d.order
	return d.result.SendResult, contract.Send{
		Ref: o.Ref, EvalContext: o.EvalContext, Key: o.Key, Step: o.Step, Visit: o.Visit, Action: d.result.Action,
		Planned: o.Planned,
		Spec:    journey.Send{Message: d.result.Message, Via: []string{d.result.Channel}, Category: journey.Marketing},
	}, err
}

// what names what is decided on: the group, or the number of actions.
func (d *decision) what() string {
	if d.order.Spec.Group != "" {
		return d.order.Spec.Group
	}
	return fmt.Sprintf("between %d actions", len(d.order.Spec.Actions))
}

// decideWords describes the decision and its result: decided loyalty-discount by email (priority 3.2).
func decideWords(d contract.DecideResult) string {
	if d.Action == "" {
		if d.Reason == "" {
			return "decided nothing"
		}
		return "decided nothing (" + d.Reason + ")"
	}
	text := "decided " + d.Action
	if d.Channel != "" {
		text += " by " + d.Channel
	}
	text += " (priority " + strconv.FormatFloat(d.Priority, 'g', 3, 64) + ")"
	if d.Status != contract.StatusSent {
		text += ", " + d.Status
		if d.Reason != "" {
			text += " (" + d.Reason + ")"
		}
	}
	return text
}
