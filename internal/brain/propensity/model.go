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

const (
	maxEvidence   = 200
	maxPredictors = 128
	priorVariance = 0.25
)

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

// Model learns one action on one channel. It is not safe for concurrent use while it learns.
type Model struct {
	start      Start
	outcomes   uint64
	weight     float64 // of the next outcome; counts are divided by it. Growing it fades all that was counted before.
	pos, neg   float32
	bias       bin // of the regression
	predictors []predictor
	scores     calibration
	scratch    []value
	hits       []*bin
}

// New is a model that knows nothing but where it starts.
func New(start Start) *Model {
	start = start.filled()
	m := &Model{start: start, weight: 1}
	m.bias.w = float32(logit(start.Propensity))
	m.bias.v = 1
	return m
}

// Learn counts one outcome.
func (m *Model) Learn(f Features, accepted bool) {
	m.scratch = f.values(m.scratch)
	m.meet(m.scratch)
	score, lr := m.score(m.scratch)
	unit := float32(m.weight)
	m.scores.count(score, accepted, unit)

	total := m.pos + m.neg
	m.hits = m.hits[:0]
	i := 0
	for j := range m.predictors {
		p := &m.predictors[j]
		if i < len(m.scratch) && compareKey(m.scratch[i].name, m.scratch[i].number, p.name, p.number) == 0 {
			b := p.place(m.scratch[i], total)
			m.hits = append(m.hits, b)
			i++
		} else {
			m.hits = append(m.hits, &p.missing)
		}
	}
	m.regress(lr, accepted)
	i = 0
	for j := range m.predictors {
		p, b := &m.predictors[j], m.hits[j]
		if b == &p.missing {
			continue
		}
		for m.scratch[i].name != p.name || m.scratch[i].number != p.number {
			i++
		}
		if accepted {
			b.pos += unit
		} else {
			b.neg += unit
		}
		if p.number {
			b.mean += (m.scratch[i].x - b.mean) * unit / b.mass()
			b.mean = max(b.lo, min(b.mean, b.hi))
		}
	}
	if accepted {
		m.pos += unit
	} else {
		m.neg += unit
	}
	m.outcomes++
	for j := range m.predictors {
		if p := &m.predictors[j]; p.number {
			p.halve(m.pos + m.neg)
		}
	}
	m.fade()
	if m.outcomes < 64 || m.outcomes%32 == 0 {
		m.refresh()
	}
}

// meet makes predictors of features not seen before, as far as there is room.
func (m *Model) meet(vs []value) {
	for _, v := range vs {
		i, ok := slices.BinarySearchFunc(m.predictors, v, func(p predictor, v value) int { return compareKey(p.name, p.number, v.name, v.number) })
		if ok || len(m.predictors) == maxPredictors {
			continue
		}
		p := predictor{name: v.name, number: v.number, auc: 0.5}
		p.missing.v, p.other.v = priorVariance, priorVariance
		m.predictors = slices.Insert(m.predictors, i, p)
	}
	m.scratch = slices.DeleteFunc(vs, func(v value) bool {
		_, ok := slices.BinarySearchFunc(m.predictors, v, func(p predictor, v value) int { return compareKey(p.name, p.number, v.name, v.number) })
		return !ok
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
	m.scores.scale(by)
}

// Estimate is what the model expects of a customer.
func (m *Model) Estimate(f Features) Estimate {
	score, _ := m.score(f.values(nil))
	return m.scores.curve(m).estimate(score)
}

func logit(p float64) float64 { return math.Log(p / (1 - p)) }

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
