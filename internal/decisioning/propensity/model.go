// Package propensity learns how likely customers are to accept an action on a channel, one outcome at a time.
//
// A Model is one action on one channel, after Pega's published adaptive models (pega-datascientist-tools, "ADM
// explained"): naive Bayes over binned predictors, calibrated by isotonic regression. Beside it learns a
// Bayesian logistic regression over the same bins, and the two are mixed by how well each has foretold so far.
// docs/learning.md has the formulas, the sources and what both were measured to be worth.
//
// It is pure: no I/O, no clock, randomness is passed in. The same outcomes in the same order make the same
// model, byte for byte.
package propensity

import (
	"math"
	"slices"
)

// Start is what is believed of an action before anything is known of it.
type Start struct {
	Propensity float64 // 0…1; outside of it, or 0: 0.5
	// Evidence is how many outcomes the belief is worth. 0: 2, which is Beta(1, 1), any propensity alike, at
	// 0.5. The less, the more a new action is tried.
	Evidence float64
	// HalfLife is how fast the model forgets: the number of outcomes of the rarer kind (mostly acceptances)
	// after which one counts half. At a rate of 10 % the default of 2,000 is 20,000 outcomes. So what is rare
	// is remembered longer. 0: DefaultHalfLife. Infinite: nothing is forgotten.
	HalfLife float64
}

// DefaultHalfLife in outcomes of the rarer kind.
const DefaultHalfLife = 2000

// MaxPredictors a model keeps; of features that come later it learns nothing.
const MaxPredictors = 256

// levelFades so many times faster than the rest: the calibration follows drift of the level, while who differs
// from whom is kept longer.
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
	Propensity  float64 // of acceptance, above 0 and below 1
	Evidence    float64 // outcomes of customers alike that it rests on, the starting belief's among them
	Positives   float64 // acceptances the model has seen, faded
	Performance float64 // area under the ROC curve of what it foretold, 0.5…1
}

// Model learns one action on one channel. It is not safe for concurrent use; a Set is.
type Model struct {
	start      Start
	outcomes   uint64
	weight     float64 // of the next outcome, which grows: that fades all that was counted before. Counts are in units of it.
	pos, neg   float32
	bias       belief
	predictors []predictor // by key
	scores     calibration
	scoreUnit  float64 // of the next outcome in scores, as weight

	// Room to work in.
	values []value
	hits   []*bin
	ranks  []float64
	sorted []bin
}

// New is a model that knows nothing but where it starts.
func New(start Start) *Model {
	start = start.filled()
	return &Model{start: start, weight: 1, scoreUnit: 1, bias: belief{float32(logit(start.Propensity)), biasVariance}}
}

// Learn counts one outcome.
func (m *Model) Learn(f Features, accepted bool) {
	m.values = m.meet(f.values(m.values))
	unit, total := float32(m.weight), m.pos+m.neg
	m.scores.count(m.score(m.values), accepted, float32(m.scoreUnit)) // what it foretold, before it knew

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

// refreshEvery so many outcomes: a sixteenth of those seen, as a power of two, 256 at most.
func refreshEvery(outcomes uint64) uint64 {
	every := uint64(1)
	for every < 256 && every*32 <= outcomes {
		every *= 2
	}
	return every
}

// meet makes predictors of features not seen before, as far as there is room, and leaves out the others.
func (m *Model) meet(vs []value) []value {
	i := 0 // the first predictor that is not before the value
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

// maxUnit is where counts are brought down again.
const maxUnit = 1024

// fade lets what was counted weigh less than what comes.
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

// Outcomes is how many the model has learned from.
func (m *Model) Outcomes() uint64 { return m.outcomes }

// Estimate is what the model expects of a customer. To ask many models, or one often, use a Set.
func (m *Model) Estimate(f Features) Estimate {
	return m.curve().estimate(m.score(f.values(nil)))
}
