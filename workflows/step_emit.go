package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// emit makes an event of the customer. The store takes it as any other event, and delivers it to every enrollment that
// listens, this one included.
func (r *run) emit(ctx workflow.Context, step *journey.Step) (int, error) {
	spec := step.Spec.(*journey.Emit)
	order := contract.Emit{Ref: r.ref(), EvalContext: r.evalContext(nil), Key: r.key(step), Spec: *spec, Planned: r.planned(ctx)}
	var result contract.Unassigned
	if err := r.local(ctx, contract.EmitActivity, "emit "+clip(spec.Event, 80), order, &result); err != nil {
		return 0, err
	}
	outcome := spec.Event
	if len(result.LeftOut) > 0 {
		outcome += ", without what had no value: " + leftOutWords(result.LeftOut)
	}
	if result.Stopped != "" {
		outcome += " was not stored: " + clip(result.Stopped, 300)
	}
	r.completeStep(ctx, step, outcome, "", nil)
	return step.Next, nil
}
