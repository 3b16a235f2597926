package workflows

import (
	"strconv"

	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// split goes a way that hangs on journey, step and customer alone: the same customer, the same way, every time.
func (r *run) split(ctx workflow.Context, step *journey.Step) (int, error) {
	spec := step.Spec.(*journey.Split)
	total := 0.0
	for _, arm := range spec.Arms {
		total += arm.Weight
	}
	at := journey.Bucket(r.in.Journey, step.ID, r.in.Customer) * total
	chosen := len(spec.Arms) - 1
	for i, arm := range spec.Arms {
		if at < arm.Weight {
			chosen = i
			break
		}
		at -= arm.Weight
	}
	for chosen > 0 && spec.Arms[chosen].Weight == 0 {
		chosen-- // rounding must not choose an arm of no weight
	}
	name := spec.Arms[chosen].Name
	shown := name
	if shown == "" {
		shown = "arm " + strconv.Itoa(chosen)
	}
	r.pass(ctx, step, shown, map[string]any{"arm": float64(chosen), "name": name})
	return spec.Arms[chosen].Then, nil
}
