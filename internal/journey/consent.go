package journey

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
)

// TestGiven is Test for scenarios, where a consent property that is not given counts as given: properties of the customer that the condition names and that
// are missing are unknown, and it holds unless what is known makes it false.
func (b *Rulebook) TestGiven(e Expr, s *Scope) bool {
	if b.Test(e, s) {
		return true
	}
	expr, err := newEvaluator(e)
	if err != nil {
		return false
	}
	var unknown []*cel.AttributePatternType
	for _, use := range expr.refs.uses {
		if use[0].name == "customer" {
			if pattern := missing(use[1:], s.vars.Customer); pattern != nil {
				unknown = append(unknown, pattern)
			}
		}
	}
	return len(unknown) > 0 && expr.possible(s.activation, unknown)
}

// missing is the pattern of the first property on a path that the customer does not have; nil where the path is all there, or leads through what has no properties.
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
