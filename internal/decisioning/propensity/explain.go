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
	LogOdds   float64 // added to the score: above 0 speaks for acceptance, below against it
	Outcomes  float64 // of customers alike in this, faded
	Accepted  float64 // of those
	AUC       float64 // of the predictor alone, 0.5…1
}

// Explain lists what speaks for and against acceptance, the strongest first. With Base they add up to the score
// that is calibrated into a propensity.
func (m *Model) Explain(f Features) []Contribution {
	var out []Contribution
	s := m.sums()
	m.each(f.values(nil), func(p *predictor, b *bin) {
		c := Contribution{Predictor: p.name, Missing: b == &p.missing, LogOdds: float64(m.says(p, b, p.rank(b), &s)), AUC: float64(p.auc)}
		if b != nil {
			pos, neg := b.pos, b.neg
			if c.Missing {
				pos, neg = p.lost(m.pos, m.neg)
			}
			c.Accepted, c.Outcomes = float64(pos)/m.weight, float64(pos+neg)/m.weight
		}
		out = append(out, c)
	})
	slices.SortStableFunc(out, func(a, b Contribution) int { return cmp.Compare(math.Abs(b.LogOdds), math.Abs(a.LogOdds)) })
	return out
}

// Base is the score before anything is known of the customer, in log-odds.
func (m *Model) Base() float64 { return m.sums().base }

// Predictor is a feature as a model knows it.
type Predictor struct {
	Name     string
	IsNumber bool
	Bins     int
	AUC      float64 // of it alone, 0.5…1
	Active   bool    // heard by the naive Bayes: its AUC is 0.52 or more
}

// Predictors lists what the model has met, the most telling first.
func (m *Model) Predictors() []Predictor {
	var out []Predictor
	for i := range m.predictors {
		p := &m.predictors[i]
		out = append(out, Predictor{p.name, p.number, len(p.bins), float64(p.auc), p.active})
	}
	slices.SortStableFunc(out, func(a, b Predictor) int { return cmp.Compare(b.AUC, a.AUC) })
	return out
}
