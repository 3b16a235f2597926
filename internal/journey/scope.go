package journey

import (
	"fmt"
	"slices"

	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/number"
)

// Rulebook is compiled rules. It is immutable and safe for concurrent use.
type Rulebook struct {
	Rules
	exprs    map[expr.Expr]*expr.Evaluator
	consents map[string]bool // names under customer.consent that the policy's consent rules read
}

// NewRulebook compiles rules. It cannot fail for rules that Check returned.
func NewRulebook(r Rules) (*Rulebook, error) {
	b := &Rulebook{Rules: r, exprs: map[expr.Expr]*expr.Evaluator{}, consents: map[string]bool{}}
	for _, e := range r.expressions() {
		if e == "" || b.exprs[e] != nil {
			continue
		}
		evaluator, err := expr.NewEvaluator(e)
		if err != nil {
			return nil, fmt.Errorf("the rules: %w", err)
		}
		b.exprs[e] = evaluator
	}
	if r.Policy != nil {
		for _, e := range r.Policy.Consent {
			if e == "" {
				continue
			}
			for _, use := range b.exprs[e].Refs.Uses {
				if len(use) == 3 && use[0].Name == "customer" && use[1].Name == "consent" {
					b.consents[use[2].Name] = true
				}
			}
		}
	}
	return b, nil
}

// AsksConsent reports whether a consent rule of the policy reads customer.consent.<name>.
func (b *Rulebook) AsksConsent(name string) bool { return b != nil && b.consents[name] }

// Scope holds the variables of one decision, converted once for all its expressions. It also caches answers, so that an
// expression that many actions share is evaluated once. It is not safe for concurrent use.
type Scope struct {
	vars       expr.Vars
	activation map[string]any
	answers    map[expr.Expr]answer
}

type answer struct {
	value any
	err   error
}

// NewScope returns a scope over v, which must not change afterwards.
func NewScope(v expr.Vars) *Scope {
	return &Scope{vars: v, activation: expr.Activation(v), answers: map[expr.Expr]answer{}}
}

// Vars returns the variables the scope was made from.
func (s *Scope) Vars() expr.Vars { return s.vars }

// Eval evaluates an expression of the rules, as Program.Eval does.
func (b *Rulebook) Eval(e expr.Expr, s *Scope) (any, error) {
	if e == "" {
		return nil, expr.ErrMissing
	}
	if known, ok := s.answers[e]; ok {
		return known.value, known.err
	}
	evaluator := b.exprs[e]
	if evaluator == nil {
		var err error
		if evaluator, err = expr.NewEvaluator(e); err != nil {
			return nil, err
		}
	}
	value, err := evaluator.EvalIn(s.activation, s.vars.Meter)
	s.answers[e] = answer{value, err}
	return value, err
}

// Test evaluates a condition: absent is true, any error or non-boolean is false.
func (b *Rulebook) Test(e expr.Expr, s *Scope) bool {
	if e == "" {
		return true
	}
	value, err := b.Eval(e, s)
	truth, ok := value.(bool)
	return err == nil && ok && truth
}

// Names reports whether an expression names the value at a path, or a value that contains it: Names(e, "customer",
// "consent", "email").
func (b *Rulebook) Names(e expr.Expr, path ...string) bool {
	evaluator, err := expr.NewEvaluator(e)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(evaluator.Refs.Uses, func(use expr.Use) bool {
		for i := range min(len(use), len(path)) {
			if use[i].Name != path[i] {
				return false
			}
		}
		return true
	})
}

// Number evaluates a number: fallback if the expression is absent, 0 if the value is missing or no number.
func (b *Rulebook) Number(e expr.Expr, s *Scope, fallback float64) float64 {
	if e == "" {
		return fallback
	}
	value, err := b.Eval(e, s)
	n, ok := number.Float(value)
	if err != nil || !ok {
		return 0
	}
	return n
}

// expressions returns every expression of the rules.
func (r Rules) expressions() []expr.Expr {
	var out []expr.Expr
	for _, intent := range r.Intents {
		for _, evidence := range intent.Evidence {
			out = append(out, evidence.When)
		}
	}
	for _, a := range r.Actions {
		out = append(out, a.Value, a.Cost, a.Lever, a.Eligible, a.Applicable, a.Suitable)
		for _, c := range a.Context {
			out = append(out, c.When)
		}
		if a.Accept != nil {
			out = append(out, a.Accept.When)
		}
	}
	if p := r.Policy; p != nil {
		for _, e := range p.Consent {
			out = append(out, e)
		}
		for _, s := range p.Suppress {
			out = append(out, s.When)
		}
		for _, t := range p.Tone {
			out = append(out, t.When)
		}
	}
	return out
}
