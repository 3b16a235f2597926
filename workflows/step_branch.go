package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

// branch takes the first arm whose condition is true.
func (r *run) branch(ctx workflow.Context, step *journey.Step) (int, error) {
	spec := step.Spec.(*journey.Branch)
	exprs := make([]expr.Expr, len(spec.Arms))
	for i, arm := range spec.Arms {
		exprs[i] = arm.When
	}
	answers, err := r.conditions(ctx, nil, exprs)
	if err != nil {
		return 0, err
	}
	for i, yes := range answers {
		if yes {
			arm := journey.ArmNumber(i)
			r.completeStep(ctx, step, journey.ArmLabel(arm), arm, map[string]any{"arm": float64(i)})
			return spec.Arms[i].Then, nil
		}
	}
	r.completeStep(ctx, step, "else", journey.ArmElse, map[string]any{"arm": float64(-1)})
	return spec.Else, nil
}
