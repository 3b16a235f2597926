package propensity

import "math"

const biasVariance = 1

// regress moves the regression's weights by one outcome. Each weight is a Gaussian belief, independent of the others;
// the logistic function is linearized at the current score, which makes an extended Kalman filter with a diagonal
// covariance. There is no learning rate: a weight moves by as much as it is uncertain. Related work: Graepel et al.
// 2010, "Web-scale Bayesian click-through rate prediction" (probit); Chapelle and Li 2011, "An empirical evaluation
// of Thompson sampling" (logistic, diagonal precision).
func (m *Model) regress(accepted bool) {
	z, spread := float64(m.bias.mean), float64(m.bias.variance)
	m.ranks = m.ranks[:0]
	for i, b := range m.hits {
		p := &m.predictors[i]
		x := p.rank(b)
		m.ranks = append(m.ranks, x)
		z += float64(b.weight.mean) + x*float64(p.slope.mean)
		spread += float64(b.weight.variance) + x*x*float64(p.slope.variance)
	}
	p := sigmoid(z)
	curve := p * (1 - p)
	gain := 1 / (1 + curve*spread)
	push := -p * gain
	if accepted {
		push = (1 - p) * gain
	}
	// Certainty decays, so that a weight can follow drift.
	fade := math.Exp2(min(p, 1-p) / m.start.HalfLife)
	move := func(w *belief, x, most float64) {
		v := float64(w.variance)
		w.mean = max(-maxWeight, min(w.mean+float32(v*x*push), maxWeight))
		v -= v * v * x * x * curve * gain
		w.variance = float32(min(most, v*fade))
	}
	move(&m.bias, 1, biasVariance)
	for i, b := range m.hits {
		p := &m.predictors[i]
		if !p.number {
			move(&b.weight, 1, nameVariance)
			continue
		}
		move(&b.weight, 1, numberVariance)
		if x := m.ranks[i]; x != 0 {
			move(&p.slope, x, slopeVariance)
		}
	}
}

// maxWeight keeps the regression finite.
const maxWeight = 20
