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
	if err := r.local(ctx, contract.EmitActivity, "emit "+clip(spec.Event, 80), order, nil); err != nil {
		return 0, err
	}
	r.completeStep(ctx, step, spec.Event, "", nil)
	return step.Next, nil
}
