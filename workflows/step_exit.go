package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// exit ends the enrollment with the designer's outcome.
func (r *run) exit(ctx workflow.Context, step *journey.Step) (int, error) {
	spec := step.Spec.(*journey.Exit)
	r.completeStep(ctx, step, spec.Outcome, "", nil)
	r.end(ctx, spec.Outcome, "by step "+step.ID, 0)
	return journey.End, nil
}
