package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// goTo jumps to a path or a step.
func (r *run) goTo(ctx workflow.Context, step *journey.Step) (int, error) {
	spec := step.Spec.(*journey.GoTo)
	r.completeStep(ctx, step, spec.Target, "", nil)
	return spec.To, nil
}
