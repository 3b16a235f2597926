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

// holdFallback is how long a send is held whose answer gives no moment to come.
const holdFallback = time.Minute

// sender is something to say: a message that the journey names, or that of an action yet to be chosen.
type sender interface {
	// send tries at once. With StatusRetry the order is what is left to deliver.
	send(ctx workflow.Context) (contract.SendResult, contract.Send, error)
}

// sendUntilDone says something once under one key: at once by a local activity, and if that does not do it, by a normal
// one that is repeated and that support staff see. Held by quiet hours or by a pause, it is parked, and asks
// afresh. said is false where the enrollment ended or moves on before.
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
		case contract.StatusPaused: // the journey's kill switch; its order to resume wakes the enrollment
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

// exiting reports whether the enrollment has ended, or moves elsewhere.
func (r *run) exiting() bool { return r.state.Ended != nil || r.state.Jump != nil }

// message is an utterance that the journey names.
type message struct {
	run   *run
	order contract.Send
}

// message makes the send of a step.
func (r *run) message(step *journey.Step, spec journey.Send) *message {
	return &message{
		run: r,
		order: contract.Send{Ref: r.ref(), EvalContext: r.evalContext(nil), Key: r.key(step), Step: step.ID, Visit: r.state.Visits[step.ID],
			Spec: spec},
	}
}

// send is tried once only: what it leaves open is deliver's.
func (m *message) send(ctx workflow.Context) (contract.SendResult, contract.Send, error) {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout: localTry,
		RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 1},
		Summary:             "send " + m.order.Spec.Message,
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

// deliver repeats a send as a normal activity, while events, orders and the enrollment's deadline race it. What
// the provider says carries its own rest; the policy is for what died with its worker, or met a store that was
// away, and grows slowly, since it counts attempts that asked nobody.
func (r *run) deliver(ctx workflow.Context, step *journey.Step, order contract.Send) (contract.SendResult, error) {
	options := r.activityOptions(
		retryBudget{try: 30 * time.Second, patience: sendPatience, interval: contract.SendInterval, pause: contract.MaxSendInterval,
			growth: 1.2},
		"send "+order.Spec.Message,
	)
	waiting := waitSpec{kind: step.Kind, step: step.ID, label: label(step), key: order.Key, words: []string{"the channel to take it"}}
	var result contract.SendResult
	answered, err := r.race(ctx, waiting, options, contract.DeliverActivity, order, &result)
	var app *temporal.ApplicationError
	switch {
	case err == nil && answered:
		return result, nil
	case err == nil && r.state.Paused: // nothing more of it goes out
		return contract.SendResult{Status: contract.StatusPaused}, nil
	case !answered, errors.As(err, &app) && app.Type() == contract.Superseded, temporal.IsCanceledError(err):
		return contract.SendResult{}, err
	}
	order.GiveUp = contract.RetriesEnded
	err = r.local(ctx, contract.SendActivity, "give up "+order.Spec.Message, order, &result)
	return result, err
}

// settled returns the arm of what came of a send: empty where it went out. An answer that a send cannot have is a
// failure.
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

// words say what came of a send, for people.
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

// fields are what expressions see of a send.
func sendFields(s contract.SendResult) map[string]any {
	return map[string]any{"status": s.Status, "reason": s.Reason, "channel": s.Channel}
}
