package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// RetriesEnded is the reason of a send that no attempt of a whole day brought out, and of a call that no attempt of an hour did.
const RetriesEnded = "RETRIES_ENDED"

// sendPatience is how long a send is repeated, in virtual time.
const sendPatience = 24 * time.Hour

// send says a message once: at once by a local activity, and if that does not do it, by a normal one that is repeated and that support staff see.
func (r *run) send(ctx workflow.Context, step *journey.Step) (int, error) {
	spec := step.Spec.(*journey.Send)
	order := Send{Ref: r.ref(), Scene: r.scene(nil), Key: r.key(step), Step: step.ID, Visit: r.st.Visits[step.ID], Spec: *spec}
	held := r.midStep() // a run before this one was held here: a send under way is never continued as new
	for {
		if held {
			if err := r.hold(ctx, step, order.Key); err != nil || r.st.Ended != nil || r.st.Jump != nil {
				return step.Next, err
			}
		}
		result, err := r.sendNow(ctx, step, order)
		if err != nil {
			return 0, err
		}
		if result.Status == StatusRetry {
			order.After, order.Why = result.RetryAfter, result.Reason
			if result, err = r.deliver(ctx, step, order); err != nil {
				return 0, err
			}
		}
		if r.st.Ended != nil || r.st.Jump != nil {
			return step.Next, nil
		}
		switch result.Status {
		case StatusPaused: // the journey's kill switch; its order to resume wakes the instance
			if !r.st.Paused {
				r.pause("the journey is paused")
				r.st.tell(stamp(r.now(ctx)) + " the journey is paused")
			}
			held = true
			continue
		case StatusSuppressed:
			r.passSend(ctx, step, result, ArmBlocked)
			return spec.OnBlocked, nil
		case StatusSent:
			r.passSend(ctx, step, result, "")
			return step.Next, nil
		}
		result.Status = StatusFailed // also where the answer is none that a send may have
		r.passSend(ctx, step, result, ArmFailure)
		return spec.OnFailure, nil
	}
}

// passSend records what came of a send.
func (r *run) passSend(ctx workflow.Context, step *journey.Step, result SendResult, arm string) {
	shown := result.Status
	if result.Channel != "" {
		shown += " by " + result.Channel
	}
	if result.Reason != "" {
		shown += " (" + result.Reason + ")"
	}
	r.pass(ctx, step, shown, arm, map[string]any{"status": result.Status, "reason": result.Reason, "channel": result.Channel})
}

// sendNow tries at once, in a local activity. It is tried once only: what it leaves open is deliver's.
func (r *run) sendNow(ctx workflow.Context, step *journey.Step, order Send) (SendResult, error) {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout: localTry,
		RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 1},
		Summary:             "send " + order.Spec.Message,
	})
	var result SendResult
	err := workflow.ExecuteLocalActivity(ctx, SendActivity, order).Get(ctx, &result)
	var app *temporal.ApplicationError
	switch {
	case err == nil:
		return result, nil
	case errors.As(err, &app) && app.Type() == NotMine, temporal.IsCanceledError(err):
		return SendResult{}, err
	}
	return SendResult{Status: StatusRetry}, nil
}

// deliver repeats a send as a normal activity, while events, orders and the instance's deadline race it.
func (r *run) deliver(ctx workflow.Context, step *journey.Step, order Send) (SendResult, error) {
	options := r.options(effort{try: 30 * time.Second, patience: sendPatience, interval: time.Second, pause: 10 * time.Minute}, "send "+order.Spec.Message)
	waiting := parking{kind: step.Kind, step: step.ID, label: label(step), key: order.Key, words: []string{"the channel to take it"}}
	var result SendResult
	answered, err := r.underway(ctx, waiting, options, DeliverActivity, order, &result)
	var app *temporal.ApplicationError
	switch {
	case err == nil && answered:
		return result, nil
	case err == nil && r.st.Paused: // nothing more of it goes out
		return SendResult{Status: StatusPaused}, nil
	case !answered, errors.As(err, &app) && app.Type() == NotMine, temporal.IsCanceledError(err):
		return SendResult{}, err
	}
	order.GiveUp = RetriesEnded
	err = r.local(ctx, SendActivity, "give up "+order.Spec.Message, order, &result)
	return result, err
}
