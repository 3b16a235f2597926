package propensity

import "math"

// Random is a source of randomness; *rand.Rand of math/rand/v2 is one. A caller that repeats a decision must seed it
// the same way.
type Random interface {
	Float64() float64     // in [0, 1)
	NormFloat64() float64 // standard normal
}

// Sample draws from Beta(p·n, (1−p)·n), above 0 and below 1 (Thompson sampling). The less is known, the more the draw
// varies.
func (e Estimate) Sample(r Random) float64 {
	p, n := e.Propensity, e.Evidence
	if math.IsNaN(p) {
		p = 0.5
	}
	p = max(smallest, min(p, 1-smallest))
	if !(n > 0) {
		n = smallest
	}
	n = min(n, 1e12)
	// Computed in logarithms, since the variates underflow for tiny parameters.
	x, y := logGamma(r, p*n), logGamma(r, (1-p)*n)
	return max(smallest, min(1/(1+math.Exp(y-x)), 1-smallest))
}

// smallest is the smallest propensity: nothing is certain.
const smallest = 1e-9

// logGamma draws the logarithm of a Gamma(shape, 1) variate (Marsaglia and Tsang 2000; below 1 by
// Gamma(shape+1)·U^(1/shape)).
func logGamma(r Random, shape float64) float64 {
	boost := 0.0
	if shape < 1 {
		boost = math.Log(1-r.Float64()) / shape
		shape++
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := r.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if math.Log(1-r.Float64()) < 0.5*x*x+d*(1-v+math.Log(v)) {
			return math.Log(d*v) + boost
		}
	}
}

// Ramp returns the share of customers that a new action may reach: 0.02 at first, 1 from 200 acceptances on, linear
// between (Pega's outbound model maturity).
func Ramp(positives float64) float64 {
	if !(positives > 0) {
		return 0.02
	}
	return 0.02 + 0.98*min(positives/200, 1)
}
