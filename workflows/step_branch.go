package workflows

import (
	"strconv"

	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// branch goes the way of the first true arm.
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
			r.completeStep(ctx, step, "arm "+strconv.Itoa(i), strconv.Itoa(i+1), map[string]any{"arm": float64(i)})
			return spec.Arms[i].Then, nil
		}
	}
	r.completeStep(ctx, step, "else", contract.ArmElse, map[string]any{"arm": float64(-1)})
	return spec.Else, nil
}
