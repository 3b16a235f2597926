package propensity

import (
	"cmp"
	"math"
	"slices"
)

// Contribution is the share one predictor adds for a customer.
type Contribution struct {
	Predictor string
	Missing   bool    // the customer's value is unknown
	LogOdds   float64 // added to the score; positive speaks for acceptance
	Outcomes  float64 // of customers with a similar value, decayed
	Accepted  float64 // accepted ones of those
	AUC       float64 // of the predictor alone, 0.5…1
}

// Explain lists the contributions, the strongest first. With Base they add up to the score that is calibrated into a
// propensity.
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

// Base returns the score of an unknown customer, in log-odds.
func (m *Model) Base() float64 { return m.sums().base }

// Predictor describes a predictor of a model.
type Predictor struct {
	Name     string
	IsNumber bool
	Bins     int
	AUC      float64 // of the predictor alone, 0.5…1
	Active   bool    // used by naive Bayes: its AUC is at least 0.52
}

// Predictors lists the predictors, the one with the highest AUC first.
func (m *Model) Predictors() []Predictor {
	var out []Predictor
	for i := range m.predictors {
		p := &m.predictors[i]
		out = append(out, Predictor{p.name, p.number, len(p.bins), float64(p.auc), p.active})
	}
	slices.SortStableFunc(out, func(a, b Predictor) int { return cmp.Compare(b.AUC, a.AUC) })
	return out
}
