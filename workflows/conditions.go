package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/number"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// evalContext returns what expressions and templates may see besides the customer. It names events by id; their
// properties are in the store. e is the current event; nil: the last one that a step took, or else the entry event.
func (r *run) evalContext(e *contract.Delivery) contract.EvalContext {
	s := contract.EvalContext{
		EntryEvent: r.in.EntryEvent,
		Vars:       r.state.Vars,
		StepEvents: r.state.Taken,
		StepCalls:  r.state.Calls,
		Steps:      map[string]map[string]any{},
	}
	for _, id := range workflow.DeterministicKeys(r.state.Steps) {
		result := map[string]any{}
		for _, key := range workflow.DeterministicKeys(r.state.Steps[id]) {
			if key != "properties" {
				result[key] = r.state.Steps[id][key]
			}
		}
		s.Steps[id] = result
	}
	switch {
	case e != nil:
		s.Event = e.ID
	case r.state.Last != nil:
		s.Event = r.state.Last.ID
	default:
		s.Event = r.in.EntryEvent
	}
	return s
}

// vars returns the variables of expressions that do not read the customer.
func (r *run) vars(ctx workflow.Context, e *contract.Delivery) expr.Vars {
	v := expr.Vars{Entry: r.entry, Vars: r.state.Vars, Steps: r.state.Steps, Now: r.now(ctx)}
	if e == nil {
		e = r.state.Last
	}
	if e != nil {
		v.Event, v.EventName = e.Event.Values(), e.Event.Name
	} else {
		v.Event, v.EventName = r.entry, r.in.EntryName
	}
	return v
}

// conditions evaluates conditions. Those that read the customer are evaluated by one local activity, where the data is,
// the others here. An empty condition is true; one without a value is false.
func (r *run) conditions(ctx workflow.Context, e *contract.Delivery, exprs []expr.Expr) ([]bool, error) {
	answers := make([]bool, len(exprs))
	var remote []expr.Expr
	var places []int
	for i, expr := range exprs {
		if r.prog.Remote(expr) {
			remote, places = append(remote, expr), append(places, i)
			continue
		}
		answers[i] = r.prog.Test(expr, r.vars(ctx, e))
	}
	if len(remote) == 0 {
		return answers, nil
	}
	var result contract.EvaluateResult
	if err := r.local(ctx, contract.EvaluateActivity, "check conditions on the customer",
		contract.Evaluate{Ref: r.ref(), EvalContext: r.evalContext(e), Exprs: remote}, &result); err != nil {
		return nil, err
	}
	for i, place := range places {
		if i < len(result.Values) && !result.Missing[i] {
			answers[place], _ = result.Values[i].(bool)
		}
	}
	return answers, nil
}

// value evaluates one expression; ok is false if it has no value.
func (r *run) value(ctx workflow.Context, e *contract.Delivery, source expr.Expr) (value any, ok bool, err error) {
	value, why, err := r.explainedValue(ctx, e, source)
	return value, why == "" && err == nil, err
}

// explainedValue evaluates one expression; why says why it has no value, and is empty if it has one.
func (r *run) explainedValue(ctx workflow.Context, e *contract.Delivery, source expr.Expr) (value any, why string, err error) {
	if !r.prog.Remote(source) {
		value, err := r.prog.Eval(source, r.vars(ctx, e))
		if err != nil {
			return nil, expr.Why(err), nil
		}
		return expr.ToPlain(value), "", nil
	}
	var result contract.EvaluateResult
	if err := r.local(ctx, contract.EvaluateActivity, "compute a value from the customer",
		contract.Evaluate{Ref: r.ref(), EvalContext: r.evalContext(e), Exprs: []expr.Expr{source}}, &result); err != nil {
		return nil, "", err
	}
	switch {
	case len(result.Values) > 0 && !result.Missing[0]:
		return result.Values[0], "", nil
	case len(result.Why) > 0 && result.Why[0] != "":
		return nil, result.Why[0], nil
	}
	return nil, "it is missing", nil
}

// number evaluates an expression whose value is a number. It returns 0 if there is no value, or another type of value.
func (r *run) number(ctx workflow.Context, e *contract.Delivery, source expr.Expr) (float64, error) {
	value, _, err := r.value(ctx, e, source)
	n, _ := number.Float(value)
	return n, err
}
