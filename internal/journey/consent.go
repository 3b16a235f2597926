package journey

import (
	"maps"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
)

// TestGiven is Test for scenarios, where a consent property that is not given counts as given: consent
// properties that the condition names and that are missing are unknown, and it holds unless what is known makes
// it false. Consent properties are those under customer.consent; of a condition that names none there, all that
// it names of the customer.
func (b *Rulebook) TestGiven(e Expr, s *Scope) bool {
	if b.Test(e, s) {
		return true
	}
	expr, err := newEvaluator(e)
	if err != nil {
		return false
	}
	consents := func(use reading) bool { return use[0].name == "customer" && len(use) > 1 && use[1].name == "consent" }
	own := slices.ContainsFunc(expr.refs.uses, consents)
	var unknown []*cel.AttributePatternType
	for _, use := range expr.refs.uses {
		if use[0].name != "customer" {
			continue
		}
		pattern := missing(use[1:], s.vars.Customer)
		switch {
		case pattern == nil:
		case own && !consents(use):
			return b.holdsWith(expr, s) // it is missing for good, which the unknown would hide
		default:
			unknown = append(unknown, pattern)
		}
	}
	return len(unknown) > 0 && expr.possible(s.activation, unknown)
}

// holdsWith reports whether the condition is true of the customer with every consent property that it names and
// that is missing.
func (b *Rulebook) holdsWith(expr *evaluator, s *Scope) bool {
	vars := s.vars
	vars.Customer = maps.Clone(vars.Customer)
	for _, use := range expr.refs.uses {
		if use[0].name == "customer" && len(use) > 1 && use[1].name == "consent" && missing(use[1:], vars.Customer) != nil {
			vars.Customer = grant(vars.Customer, use[1:])
		}
	}
	value, err := expr.eval(vars)
	truth, ok := value.(bool)
	return err == nil && ok && truth
}

// grant is properties with true at a path. Maps are copied, not changed.
func grant(properties map[string]any, path reading) map[string]any {
	out := maps.Clone(properties)
	if out == nil {
		out = map[string]any{}
	}
	if len(path) == 1 {
		out[path[0].name] = true
		return out
	}
	inner, _ := out[path[0].name].(map[string]any)
	out[path[0].name] = grant(inner, path[1:])
	return out
}

// missing is the pattern of the first property on a path that the customer does not have; nil where the path is
// all there, or leads through what has no properties.
func missing(path reading, customer map[string]any) *cel.AttributePatternType {
	pattern := cel.AttributePattern("customer")
	var at any = customer
	for _, step := range path {
		properties, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		pattern.QualString(step.name)
		value, given := properties[step.name]
		if !given || value == nil {
			return pattern
		}
		at = value
	}
	return nil
}

// possible reports whether the condition is true, or may be: its value hangs on what is unknown.
func (e *evaluator) possible(variables map[string]any, unknown []*cel.AttributePatternType) (possible bool) {
	defer func() {
		if recover() != nil {
			possible = false
		}
	}()
	env, err := exprEnv()
	if err != nil {
		return false
	}
	program, err := env.Program(e.ast, cel.CostLimit(maxExprCost), cel.EvalOptions(cel.OptPartialEval))
	if err != nil {
		return false
	}
	known, err := cel.PartialVars(variables, unknown...)
	if err != nil {
		return false
	}
	value, _, err := program.Eval(known)
	return err == nil && (types.IsUnknown(value) || value == types.True)
}
