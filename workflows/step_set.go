package workflows

import (
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// set assigns in the order of the file; a missing value leaves the variable alone. Neighboring traits are
// assigned by one activity.
func (r *run) set(ctx workflow.Context, step *journey.Step) (int, error) {
	assign := step.Spec.(*journey.Set).Assign
	var leftOut []string
	stopped := ""
	for i := 0; i < len(assign); {
		if assign[i].Target == "vars" {
			value, why, err := r.explainedValue(ctx, nil, assign[i].Value)
			if err != nil {
				return 0, err
			}
			if why == "" {
				r.state.Vars = with(r.state.Vars, strings.Split(assign[i].Name, "."), value)
			} else {
				leftOut = append(leftOut, expr.LeftOut("vars."+assign[i].Name, why))
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
		var result contract.Unassigned
		if err := r.local(ctx, contract.AssignActivity, "set traits: "+label(step),
			contract.Assign{Ref: r.ref(), EvalContext: r.evalContext(nil), Key: key, Assign: assign[i:end]}, &result); err != nil {
			return 0, err
		}
		leftOut = append(leftOut, result.LeftOut...)
		if result.Stopped != "" {
			stopped = "the customer's traits were not set: " + clip(result.Stopped, 300)
		}
		i = end
	}
	outcome := stopped
	if len(leftOut) > 0 {
		outcome = "not set, for want of a value: " + leftOutWords(leftOut)
		if stopped != "" {
			outcome += "; " + stopped
		}
	}
	r.completeStep(ctx, step, outcome, "", nil)
	return step.Next, nil
}

// leftOutWords joins what had no value, shortened for a line of the log.
func leftOutWords(leftOut []string) string { return clip(strings.Join(leftOut, ", "), 300) }

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
