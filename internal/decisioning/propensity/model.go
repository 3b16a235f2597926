// Package propensity learns how likely customers are to accept an action on a channel, one outcome at a time.
//
// # Model
//
// A Model is one action on one channel. Facts about a customer (Features) fall into bins: up to 16 of about equal weight
// for a number, the 16 most frequent names for a symbol, one for rare names and one for missing values. Two models learn
// over the same bins:
//
//   - Naive Bayes, by the formulas that Pega publishes for its adaptive models (pega-datascientist-tools, "ADM explained").
//     A predictor takes part once its own AUC is 0.52.
//   - Logistic regression with a Gaussian posterior per weight (an extended Kalman filter with diagonal covariance): a
//     weight moves by as much as it is uncertain, so there is no learning rate. It shares the weight among correlated
//     predictors, where naive Bayes would count them twice.
//
// The score is a quarter of the first and three quarters of the second, in log-odds. It is a sum of one number per
// predictor, which is what Explain lists.
//
// # Posterior
//
// Every score is counted with its outcome, as it was before the model learned from it. Isotonic regression over these
// counts turns scores into propensities, with a logistic trend through all blocks as prior (worth 200 outcomes) and the
// starting belief as that many outcomes more. Estimate.Evidence is the number of outcomes of customers with a similar
// score, so Beta(p·n, (1−p)·n) is what is known about this customer; Sample draws from it (Thompson sampling).
//
// # Forgetting
//
// An outcome counts half after 2,000 outcomes of the rarer kind, which is 20,000 at a rate of 10 %: what is rare is
// remembered longer. The calibration forgets five times as fast, so that the level follows drift sooner than the
// differences between customers. Nothing is scanned for that: each outcome weighs a little more than the one before, and
// all counts are scaled down when the weight reaches 1,024.
//
// # Ramp
//
// A new action may reach 2 % of customers, rising linearly to all of them at 200 acceptances (Ramp).
//
// # Measured
//
// docs/learning.md has the formulas, the sources, and these figures: in a simulated world with drift the regret grows as
// decisions^0.61, and the calibration error after 20,000 outcomes is 0.0084. A model with 100 predictors takes at most
// 54,183 bytes.
//
// The package is pure: no I/O, no clock, randomness is passed in. The same outcomes in the same order make the same
// model, byte for byte (on one kind of processor). See docs/decisions/0007.
package propensity

import (
	"math"
	"slices"
)

// Start is what is believed of an action before anything is known of it.
type Start struct {
	Propensity float64 // between 0 and 1, both excluded; anything else is 0.5
	// Evidence is how many outcomes the belief is worth. Default 2, which with a propensity of 0.5 is Beta(1, 1), the
	// uniform distribution. The smaller it is, the more a new action is tried.
	Evidence float64
	// HalfLife is the number of outcomes of the rarer kind (mostly acceptances) after which an outcome counts half.
	// Default DefaultHalfLife; infinite: nothing is forgotten.
	HalfLife float64
}

// DefaultHalfLife is in outcomes of the rarer kind.
const DefaultHalfLife = 2000

// MaxPredictors is the largest number of predictors of a model. Features that come later are ignored.
const MaxPredictors = 256

// levelFades is how many times faster the calibration forgets than the rest.
const levelFades = 5

func (s Start) filled() Start {
	if !(s.Propensity > 0 && s.Propensity < 1) {
		s.Propensity = 0.5
	}
	if !(s.Evidence > 0) || math.IsInf(s.Evidence, 1) {
		s.Evidence = 2
	}
	if !(s.HalfLife > 0) {
		s.HalfLife = DefaultHalfLife
	}
	return s
}

// Estimate is what a model expects of one customer.
type Estimate struct {
	Propensity  float64 // probability of acceptance, above 0 and below 1
	Evidence    float64 // outcomes of similar customers, plus those of the starting belief
	Positives   float64 // acceptances the model has seen, decayed
	Performance float64 // area under the ROC curve of its predictions, 0.5…1
}

// Model learns one action on one channel. It is not safe for concurrent use; a Set is.
type Model struct {
	start      Start
	outcomes   uint64
	weight     float64 // of the next outcome. It grows, so that earlier counts decay; counts are in units of it.
	pos, neg   float32
	bias       belief
	predictors []predictor // by key
	scores     calibration
	scoreUnit  float64 // weight of the next outcome in scores

	// Reused memory.
	values []value
	hits   []*bin
	ranks  []float64
	sorted []bin
}

// New returns a model that knows only its starting belief.
func New(start Start) *Model {
	start = start.filled()
	return &Model{start: start, weight: 1, scoreUnit: 1, bias: belief{float32(logit(start.Propensity)), biasVariance}}
}

// Learn counts one outcome.
func (m *Model) Learn(f Features, accepted bool) {
	m.values = m.meet(f.values(m.values))
	unit, total := float32(m.weight), m.pos+m.neg
	m.scores.count(m.score(m.values), accepted, float32(m.scoreUnit)) // the prediction before learning

	m.hits = m.hits[:0]
	vs := m.values
	for i := range m.predictors {
		p := &m.predictors[i]
		if len(vs) > 0 && compareKey(vs[0], p) == 0 {
			m.hits = append(m.hits, p.place(vs[0], total))
			vs = vs[1:]
		} else {
			m.hits = append(m.hits, &p.missing)
		}
	}
	m.regress(accepted)

	vs = m.values
	for i, b := range m.hits {
		p := &m.predictors[i]
		if b == &p.missing {
			continue
		}
		b.count(accepted, unit)
		if p.number {
			b.mean = max(b.lo, min(b.mean+(vs[0].x-b.mean)*(unit/b.mass()), b.hi))
			p.halve(total + unit)
		}
		vs = vs[1:]
	}
	if accepted {
		m.pos += unit
	} else {
		m.neg += unit
	}
	m.outcomes++
	m.fade()
	if m.outcomes%refreshEvery(m.outcomes) == 0 {
		m.refresh()
	}
}

// refreshEvery returns after how many outcomes the predictors are rated again: a sixteenth of those seen, as a power
// of two, at most 256.
func refreshEvery(outcomes uint64) uint64 {
	every := uint64(1)
	for every < 256 && every*32 <= outcomes {
		every *= 2
	}
	return every
}

// meet makes predictors of new features while there is room, and drops the others.
func (m *Model) meet(vs []value) []value {
	i := 0 // the first predictor that does not sort before the value
	return slices.DeleteFunc(vs, func(v value) bool {
		behind := -1
		for i < len(m.predictors) {
			if behind = compareKey(v, &m.predictors[i]); behind <= 0 {
				break
			}
			i++
		}
		switch {
		case i < len(m.predictors) && behind == 0:
			return false
		case len(m.predictors) == MaxPredictors:
			return true
		}
		m.predictors = slices.Insert(m.predictors, i, newPredictor(v.name, v.number))
		return false
	})
}

// maxUnit is the weight at which all counts are scaled down.
const maxUnit = 1024

// fade raises the weight of the next outcome, which decays everything counted so far.
func (m *Model) fade() {
	n := float64(m.pos+m.neg) / m.weight
	rarer := (float64(min(m.pos, m.neg))/m.weight + 1) / (n + 2)
	m.scoreUnit *= math.Exp2(levelFades * rarer / m.start.HalfLife)
	if m.scoreUnit >= maxUnit {
		by := float32(1 / m.scoreUnit)
		m.scoreUnit = 1
		for i := range m.scores {
			m.scores[i].Pos *= by
			m.scores[i].Neg *= by
		}
	}
	m.weight *= math.Exp2(rarer / m.start.HalfLife)
	if m.weight < maxUnit {
		return
	}
	by := float32(1 / m.weight)
	m.weight = 1
	m.pos *= by
	m.neg *= by
	for i := range m.predictors {
		p := &m.predictors[i]
		for j := range p.bins {
			p.bins[j].pos *= by
			p.bins[j].neg *= by
		}
		p.other.pos *= by
		p.other.neg *= by
	}
}

// Outcomes returns how many outcomes the model has learned from.
func (m *Model) Outcomes() uint64 { return m.outcomes }

// Estimate returns what the model expects of a customer. To ask many models, or one often, use a Set.
func (m *Model) Estimate(f Features) Estimate {
	return m.curve().estimate(m.score(f.values(nil)))
}
