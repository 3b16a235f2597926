package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// split takes an arm that depends on journey, step and the customer's draw id alone: the same customer takes the same arm every time.
// The draw id is of the entry, so that a merge does not change the arm of an enrollment that visits a split again.
// A simulation may choose the arm instead.
func (r *run) split(ctx workflow.Context, step *journey.Step) (int, error) {
	spec := step.Spec.(*journey.Split)
	chosen, forced := forcedArm(spec, r.in.Arms[step.ID])
	if !forced {
		chosen = drawnArm(spec, journey.Bucket(r.in.Journey, step.ID, r.in.Draw))
	}
	arm := spec.Arms[chosen]
	key := arm.Key(chosen)
	r.completeStep(ctx, step, journey.ArmLabel(key), key, map[string]any{"arm": float64(chosen), "name": arm.Name})
	return spec.Arms[chosen].Then, nil
}

// drawnArm returns the arm at a place between 0 and 1 of the total weight.
func drawnArm(spec *journey.Split, place float64) int {
	total := 0.0
	for _, arm := range spec.Arms {
		total += arm.Weight
	}
	at := place * total
	chosen := len(spec.Arms) - 1
	for i, arm := range spec.Arms {
		if at < arm.Weight {
			chosen = i
			break
		}
		at -= arm.Weight
	}
	for chosen > 0 && spec.Arms[chosen].Weight == 0 {
		chosen-- // rounding must not choose an arm without weight
	}
	return chosen
}

// forcedArm finds the arm that a simulation chose.
func forcedArm(spec *journey.Split, want string) (int, bool) {
	for i, arm := range spec.Arms {
		if want != "" && arm.Key(i) == want {
			return i, true
		}
	}
	return 0, false
}
