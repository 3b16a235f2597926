package journey

import (
	"maps"
	"slices"

	"cel.dev/cel-go/cel"

	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

// TestGiven is Test for scenarios, where an absent consent property counts as given. Consent properties are those under
// customer.consent; for a condition that names none of them, every customer property it names. Absent ones are treated
// as unknown, and the condition holds unless the known values make it false.
func (b *Rulebook) TestGiven(e expr.Expr, s *Scope) bool {
	if b.Test(e, s) {
		return true
	}
	compiled, err := expr.NewEvaluator(e)
	if err != nil {
		return false
	}
	consents := func(use expr.Use) bool { return use[0].Name == "customer" && len(use) > 1 && use[1].Name == "consent" }
	own := slices.ContainsFunc(compiled.Refs.Uses, consents)
	var unknown []*cel.AttributePatternType
	for _, use := range compiled.Refs.Uses {
		if use[0].Name != "customer" {
			continue
		}
		pattern := expr.Missing(use[1:], s.vars.Customer)
		switch {
		case pattern == nil:
		case own && !consents(use):
			return b.holdsWith(compiled, s) // it will never be set, which treating it as unknown would hide
		default:
			unknown = append(unknown, pattern)
		}
	}
	return len(unknown) > 0 && compiled.Possible(s.activation, unknown)
}

// holdsWith reports whether the condition is true once every absent consent property that it names is set to true.
func (b *Rulebook) holdsWith(compiled *expr.Evaluator, s *Scope) bool {
	vars := s.vars
	vars.Customer = maps.Clone(vars.Customer)
	for _, use := range compiled.Refs.Uses {
		if use[0].Name == "customer" && len(use) > 1 && use[1].Name == "consent" && expr.Missing(use[1:], vars.Customer) != nil {
			vars.Customer = grant(vars.Customer, use[1:])
		}
	}
	value, err := compiled.Eval(vars)
	truth, ok := value.(bool)
	return err == nil && ok && truth
}

// grant returns properties with true at a path. It copies the maps it changes.
func grant(properties map[string]any, path expr.Use) map[string]any {
	out := maps.Clone(properties)
	if out == nil {
		out = map[string]any{}
	}
	if len(path) == 1 {
		out[path[0].Name] = true
		return out
	}
	inner, _ := out[path[0].Name].(map[string]any)
	out[path[0].Name] = grant(inner, path[1:])
	return out
}
