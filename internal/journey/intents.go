package journey

import "github.com/tabi-journeys/tabi/internal/journey/expr"

// ReadsIntent reports whether an expression reads the customer's intent scores.
func (p *Program) ReadsIntent(e expr.Expr) bool {
	if e == "" {
		return false
	}
	evaluator, err := p.evaluator(e)
	return err == nil && evaluator.Refs.Reads("intent")
}

// ReadsIntent reports whether an expression of the rules reads the customer's intent scores.
func (b *Rulebook) ReadsIntent(e expr.Expr) bool {
	evaluator := b.exprs[e]
	return evaluator != nil && evaluator.Refs.Reads("intent")
}

// Intents returns the intents that an enrollment needs, by IntentKey and sorted: those of its levels and of its
// expressions, except those of its entry.
func (p *Program) Intents() []string {
	found := names{}
	for _, level := range p.listens.Levels {
		found.add(expr.IntentKey(level.Intent))
	}
	entry := map[expr.Expr]bool{p.Entry.When: true, p.Entry.Key: true}
	for _, e := range p.expressions() {
		if e == "" || entry[e] {
			continue
		}
		for _, name := range p.exprs[e].Refs.Properties("intent") {
			if name != "*" {
				found.add(name)
			}
		}
	}
	for i := range p.Steps {
		for _, intent := range p.Steps[i].Describe().Intents {
			found.add(expr.IntentKey(intent))
		}
	}
	return found.list()
}

// levels returns the thresholds of reroute rules and of wait_for arms, without repeats.
func (d *Definition) levels() []Level {
	type threshold struct {
		intent string
		below  bool
		x      float64
	}
	var out []Level
	seen := map[threshold]bool{}
	add := func(l *Level) {
		if l == nil || l.Above == nil && l.Below == nil {
			return
		}
		t := threshold{intent: l.Intent, below: l.Above == nil}
		if t.below {
			t.x = *l.Below
		} else {
			t.x = *l.Above
		}
		if !seen[t] {
			seen[t] = true
			out = append(out, *l)
		}
	}
	for i := range d.Reroute {
		add(d.Reroute[i].Level)
	}
	for i := range d.Steps {
		for _, level := range d.Steps[i].Describe().Levels {
			add(level)
		}
	}
	return out
}
