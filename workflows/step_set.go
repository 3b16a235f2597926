package workflows

import (
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// set assigns in the order of the file; a missing value leaves the variable alone. Neighbouring traits are assigned together.
func (r *run) set(ctx workflow.Context, step *journey.Step) (int, error) {
	assign := step.Spec.(*journey.Set).Assign
	for i := 0; i < len(assign); {
		if assign[i].Target == "vars" {
			value, ok, err := r.value(ctx, nil, assign[i].Value)
			if err != nil {
				return 0, err
			}
			if ok {
				put(r.st.Vars, strings.Split(assign[i].Name, "."), value)
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
		if err := r.local(ctx, AssignActivity, label(step), Assign{Ref: r.ref(), Scene: r.scene(nil), Key: key, Assign: assign[i:end]}, nil); err != nil {
			return 0, err
		}
		i = end
	}
	r.pass(ctx, step, "", nil)
	return step.Next, nil
}

// put sets the value at a path, making maps on the way.
func put(m map[string]any, path []string, value any) {
	for _, part := range path[:len(path)-1] {
		next, ok := m[part].(map[string]any)
		if !ok {
			next = map[string]any{}
			m[part] = next
		}
		m = next
	}
	m[path[len(path)-1]] = value
}
