package propensity

import (
	"cmp"
	"math"
	"slices"
)

// Contribution is what one predictor says of a customer.
type Contribution struct {
	Predictor string
	Missing   bool    // the customer's value is not known
	LogOdds   float64 // above 0 speaks for acceptance
	AUC       float64 // of the predictor alone, 0.5…1
	Active    bool    // whether the predictor tells enough to be heard by the naive Bayes half
}

// Explain lists what speaks for and against acceptance, the strongest first.
func (m *Model) Explain(f Features) []Contribution {
	var out []Contribution
	m.parts(f.values(nil), func(p *predictor, b *bin, nb, lr float64) {
		out = append(out, Contribution{p.name, b == &p.missing, (nb + lr) / 2, float64(p.auc), p.active})
	})
	slices.SortStableFunc(out, func(a, b Contribution) int { return cmp.Compare(math.Abs(b.LogOdds), math.Abs(a.LogOdds)) })
	return out
}
