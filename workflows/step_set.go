package workflows

import (
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// set assigns in the order of the file; a missing value leaves the variable alone. Neighboring traits are
// assigned by one activity.
func (r *run) set(ctx workflow.Context, step *journey.Step) (int, error) {
	assign := step.Spec.(*journey.Set).Assign
	for i := 0; i < len(assign); {
		if assign[i].Target == "vars" {
			value, ok, err := r.value(ctx, nil, assign[i].Value)
			if err != nil {
				return 0, err
			}
			if ok {
				r.state.Vars = with(r.state.Vars, strings.Split(assign[i].Name, "."), value)
			}
			i++
			continue
		}
		end := i
		for end < len(assign) && assign[end].Target != "vars" {
			end++
		}
		key := r.key(step)
		if i > 0 {
			key += "/" + assign[i].Name // a second group of the same step
		}
		if err := r.local(ctx, contract.AssignActivity, "set traits: "+label(step),
			contract.Assign{Ref: r.ref(), EvalContext: r.evalContext(nil), Key: key, Assign: assign[i:end]}, nil); err != nil {
			return 0, err
		}
		i = end
	}
	r.completeStep(ctx, step, "", "", nil)
	return step.Next, nil
}

// with returns a copy of m with the value at a path. Maps on the path are copied too, or made: values may be shared.
func with(m map[string]any, path []string, value any) map[string]any {
	copied := make(map[string]any, len(m)+1)
	for _, key := range workflow.DeterministicKeys(m) {
		copied[key] = m[key]
	}
	if len(path) > 1 {
		inner, _ := m[path[0]].(map[string]any)
		value = with(inner, path[1:], value)
	}
	copied[path[0]] = value
	return copied
}
