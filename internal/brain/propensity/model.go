// Package propensity learns how likely customers are to accept an action on a channel, one outcome at a time.
//
// A Model is one action on one channel, after Pega's published adaptive models (pega-datascientist-tools, "ADM explained"):
// naive Bayes over binned predictors, calibrated by isotonic regression. Beside it learns a Bayesian logistic regression over
// the same bins, and the two are mixed by how well each has foretold so far. docs/learning.md has the formulas, the sources
// and what both were measured to be worth.
//
// It is pure: no I/O, no clock, randomness is passed in. The same outcomes in the same order make the same model, byte for byte.
package propensity

import (
	"math"
	"slices"
)

// Start is what is believed of an action before anything is known of it.
type Start struct {
	Propensity float64 // 0…1; outside of it, or 0: 0.5
	// Evidence is how many outcomes the belief is worth. 0: as many as hold one acceptance, or one refusal where that is the rarer (2 at 0.5, 20 at 0.05), 200 at most.
	Evidence float64
	// HalfLife is the number of outcomes after which one counts half: how fast the model forgets. 0: DefaultHalfLife. Infinite: never.
	HalfLife float64
}

// DefaultHalfLife in outcomes.
const DefaultHalfLife = 20000

// MaxPredictors a model keeps; of features that come later it learns nothing.
const MaxPredictors = 256

const maxEvidence = 200

func (s Start) filled() Start {
	if !(s.Propensity > 0 && s.Propensity < 1) {
		s.Propensity = 0.5
	}
	if !(s.Evidence > 0) || math.IsInf(s.Evidence, 1) {
		s.Evidence = min(maxEvidence, 1/min(s.Propensity, 1-s.Propensity))
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

	// Room to work in.
	values []value
	hits   []*bin
	ranks  []float64
	sorted []bin
}

// New is a model that knows nothing but where it starts.
func New(start Start) *Model {
	start = start.filled()
	return &Model{start: start, weight: 1, bias: belief{float32(logit(start.Propensity)), biasVariance}}
}

// Learn counts one outcome.
func (m *Model) Learn(f Features, accepted bool) {
	m.values = m.meet(f.values(m.values))
	unit, total := float32(m.weight), m.pos+m.neg
	m.scores.count(m.score(m.values), accepted, unit) // what it foretold, before it knew

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

// fade lets what was counted weigh less than what comes.
func (m *Model) fade() {
	m.weight *= math.Exp2(1 / m.start.HalfLife)
	if m.weight < 1024 {
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
	for i := range m.scores {
		m.scores[i].Pos *= by
		m.scores[i].Neg *= by
	}
}

// Outcomes is how many the model has learned from.
func (m *Model) Outcomes() uint64 { return m.outcomes }

// Estimate is what the model expects of a customer. To ask many models, or one often, use a Set.
func (m *Model) Estimate(f Features) Estimate {
	return m.curve().estimate(m.score(f.values(nil)))
}
