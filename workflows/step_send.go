package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// send sends a message once.
func (r *run) send(ctx workflow.Context, step *journey.Step) (int, error) {
	spec := step.Spec.(*journey.Send)
	message := r.message(step, *spec)
	result, said, err := r.sendUntilDone(ctx, step, message.order.Key, message)
	if err != nil || !said {
		return step.Next, err
	}
	arm := settleArm(&result)
	r.completeStep(ctx, step, sendWords(result), arm, sendFields(result))
	return nextAfterSend(spec, arm, step.Next), nil
}
