package expr

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
)

// Missing returns the pattern of the first property on a path that the customer does not have. It is nil if the whole
// path exists, or leads through a value without properties.
func Missing(path Use, customer map[string]any) *cel.AttributePatternType {
	pattern := cel.AttributePattern("customer")
	var at any = customer
	for _, step := range path {
		properties, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		pattern.QualString(step.Name)
		value, given := properties[step.Name]
		if !given || value == nil {
			return pattern
		}
		at = value
	}
	return nil
}

// Possible reports whether the condition is true, or its value depends on what is unknown.
func (e *Evaluator) Possible(variables map[string]any, unknown []*cel.AttributePatternType) (possible bool) {
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
