package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// sendPatience is how long a send is repeated, in virtual time.
const sendPatience = 24 * time.Hour

// holdFallback is how long a send is held if its answer has no moment in the future.
const holdFallback = time.Minute

// sender sends a message: one that the journey names, or that of an action that is yet to be decided.
type sender interface {
	// send tries once, at once. With StatusRetry, the returned Send is what is left for deliver.
	send(ctx workflow.Context) (contract.SendResult, contract.Send, error)
}

// sendUntilDone sends one message under one key: first by a local activity, and if that fails, by a normal
// activity that is repeated and that support staff see. A send that quiet hours or a pause hold waits, and is
// then tried again. said is false if the enrollment ended or moved elsewhere before.
func (r *run) sendUntilDone(ctx workflow.Context, step *journey.Step, key string, u sender) (result contract.SendResult, said bool,
	err error) {
	held, until := r.resumesWait(), time.Time{} // a run before this one was held here: a send in progress is never continued as new
	if held {
		until = r.state.Wait.Until
	}
	for {
		if held {
			if err := r.hold(ctx, step, key, until); err != nil || r.exiting() {
				return contract.SendResult{}, false, err
			}
		}
		result, order, err := u.send(ctx)
		if err == nil && result.Status == contract.StatusRetry {
			order.After, order.Why = result.RetryAfter, result.Reason
			result, err = r.deliver(ctx, step, order)
		}
		if err != nil || r.exiting() {
			return contract.SendResult{}, false, err
		}
		switch result.Status {
		case contract.StatusPaused: // the whole journey is paused; the command to resume it wakes the enrollment
			if !r.state.Paused {
				r.pause("the journey is paused")
				r.state.log(stamp(r.now(ctx)) + " the journey is paused")
			}
			held, until = true, time.Time{}
		case contract.StatusHeld:
			held, until = true, result.Until
			if now := r.now(ctx); !until.After(now) {
				until = now.Add(holdFallback)
			}
			r.state.log(stamp(r.now(ctx)) + " " + label(step) + ": held by quiet hours until " + stamp(until))
		default:
			return result, true, nil
		}
	}
}

// exiting reports whether the enrollment has ended or moves elsewhere.
func (r *run) exiting() bool { return r.state.Ended != nil || r.state.Jump != nil }

// message sends a message that the journey names.
type message struct {
	run   *run
	order contract.Send
}

// message returns the sender of a step.
func (r *run) message(step *journey.Step, spec journey.Send) *message {
	return &message{
		run: r,
		order: contract.Send{Ref: r.ref(), EvalContext: r.evalContext(nil), Key: r.key(step), Step: step.ID, Visit: r.state.Visits[step.ID],
			Spec: spec},
	}
}

// send tries once only: deliver repeats it.
func (m *message) send(ctx workflow.Context) (contract.SendResult, contract.Send, error) {
	m.order.Planned = m.run.planned(ctx)
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout: localTry,
		RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 1},
		Summary:             contract.Summary("send " + m.order.Spec.Message),
	})
	var result contract.SendResult
	err := workflow.ExecuteLocalActivity(ctx, contract.SendActivity, m.order).Get(ctx, &result)
	var app *temporal.ApplicationError
	switch {
	case err == nil:
		return result, m.order, nil
	case errors.As(err, &app) && app.Type() == contract.Superseded, temporal.IsCanceledError(err):
		return contract.SendResult{}, m.order, err
	}
	return contract.SendResult{Status: contract.StatusRetry}, m.order, nil
}

// deliver repeats a send as a normal activity, while the run handles its inbox and its deadline. After an attempt that
// reached the provider, the activity itself says how long to pause. The retry policy is for attempts that did not: the
// worker died, or the store was down. Its interval grows slowly for that reason.
func (r *run) deliver(ctx workflow.Context, step *journey.Step, order contract.Send) (contract.SendResult, error) {
	options := r.activityOptions(
		retryBudget{try: 30 * time.Second, patience: sendPatience, interval: contract.SendInterval, pause: contract.MaxSendInterval,
			growth: 1.2},
		"send "+order.Spec.Message,
	)
	waiting := waitSpec{kind: step.Kind, step: step.ID, label: label(step), key: order.Key, words: []string{"the channel to accept it"}}
	var result contract.SendResult
	answered, err := r.race(ctx, waiting, options, contract.DeliverActivity, order, &result)
	var app *temporal.ApplicationError
	switch {
	case err == nil && answered:
		return result, nil
	case err == nil && r.state.Paused: // nothing more is sent
		return contract.SendResult{Status: contract.StatusPaused}, nil
	case !answered, errors.As(err, &app) && app.Type() == contract.Superseded, temporal.IsCanceledError(err):
		return contract.SendResult{}, err
	}
	order.GiveUp = contract.RetriesEnded
	err = r.local(ctx, contract.SendActivity, "give up sending "+order.Spec.Message, order, &result)
	return result, err
}

// settleArm returns the arm of the result of a send: empty if it was sent. A status that a send cannot have is
// a failure.
func settleArm(s *contract.SendResult) (arm string) {
	switch s.Status {
	case contract.StatusSent:
		return ""
	case contract.StatusSuppressed:
		return journey.ArmBlocked
	}
	s.Status = contract.StatusFailed
	return journey.ArmFailure
}

// nextAfterSend returns the index of the step after a send that was left by an arm.
func nextAfterSend(spec *journey.Send, arm string, next int) int {
	switch arm {
	case journey.ArmBlocked:
		return spec.OnBlocked
	case journey.ArmFailure:
		return spec.OnFailure
	}
	return next
}

// sendWords describes the result of a send for people.
func sendWords(s contract.SendResult) string {
	text := s.Status
	if s.Channel != "" {
		text += " by " + s.Channel
	}
	if s.Reason != "" {
		text += " (" + s.Reason + ")"
	}
	return text
}

// sendFields returns what expressions see of a send.
func sendFields(s contract.SendResult) map[string]any {
	return map[string]any{"status": s.Status, "reason": s.Reason, "channel": s.Channel}
}
