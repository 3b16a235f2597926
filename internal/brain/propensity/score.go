package propensity

import (
	"math"
	"slices"
)

const (
	activeAUC = 0.52 // Pega's threshold: a predictor below it says nothing
)

// lost is what the predictor's bins leave of the model's totals: outcomes where the feature was missing.
func (p *predictor) lost(pos, neg float32) (float32, float32) {
	for i := range p.bins {
		pos -= p.bins[i].pos
		neg -= p.bins[i].neg
	}
	pos, neg = pos-p.other.pos, neg-p.other.neg
	return max(0, pos), max(0, neg)
}

// contribution is a bin's evidence in log-odds (Pega, ADM explained): ln(Pos_i + 1/nBins) − ln(Neg_i + 1/nBins) − ln(1 + ΣPos) + ln(1 + ΣNeg).
func contribution(pos, neg float64, bins int, allPos, allNeg float64) float64 {
	n := 1 / float64(bins)
	return math.Log(pos+n) - math.Log(neg+n) - math.Log(1+allPos) + math.Log(1+allNeg)
}

// size is the number of the predictor's bins, those of rare names and of missing values among them.
func (p *predictor) size() int {
	n := len(p.bins) + 1
	if !p.number {
		n++
	}
	return n
}

// parts hands each predictor's bin for a customer to visit, with what it says to either half, in log-odds.
func (m *Model) parts(vs []value, visit func(p *predictor, b *bin, nb, lr float64)) {
	allPos, allNeg := float64(m.pos)/m.weight, float64(m.neg)/m.weight
	i := 0
	for j := range m.predictors {
		p := &m.predictors[j]
		for i < len(vs) && compareKey(vs[i].name, vs[i].number, p.name, p.number) < 0 {
			i++
		}
		b := &p.missing
		if i < len(vs) && vs[i].name == p.name && vs[i].number == p.number {
			if b = p.find(vs[i]); b == nil {
				continue // never seen: says nothing
			}
		}
		nb := 0.0
		if p.active {
			pos, neg := b.pos, b.neg
			if b == &p.missing {
				pos, neg = p.lost(m.pos, m.neg)
			}
			nb = contribution(float64(pos)/m.weight, float64(neg)/m.weight, p.size(), allPos, allNeg)
		}
		visit(p, b, nb, float64(b.w))
	}
}

func (m *Model) score(vs []value) (score, regression float64) {
	lr := float64(m.bias.w)
	nb, active := math.Log(1+float64(m.pos)/m.weight)-math.Log(1+float64(m.neg)/m.weight), 0
	m.parts(vs, func(p *predictor, _ *bin, n, l float64) {
		nb, lr = nb+n, lr+l
		if p.active {
			active++
		}
	})
	return (nb/float64(1+active) + lr) / 2, lr
}

// regress moves the regression's weights by one outcome: a Kalman filter with a diagonal covariance, on the logistic's linearisation.
func (m *Model) regress(lr float64, accepted bool) {
	p := sigmoid(lr)
	s := float64(m.bias.v)
	for _, b := range m.hits {
		s += float64(b.v)
	}
	slope := p * (1 - p)
	y := 0.0
	if accepted {
		y = 1
	}
	gain := 1 / (1 + slope*s)
	step := func(b *bin, most float64) {
		v := float64(b.v)
		b.w += float32(v * gain * (y - p))
		v -= v * v * slope * gain
		b.v = float32(min(most, v*math.Exp2(1/m.start.HalfLife)))
	}
	step(&m.bias, 1)
	for _, b := range m.hits {
		step(b, priorVariance)
	}
}

// refresh looks which predictors say something.
func (m *Model) refresh() {
	for i := range m.predictors {
		p := &m.predictors[i]
		p.auc = p.performance(m)
		p.active = p.auc >= activeAUC
	}
}

// performance is the area under the ROC curve of the predictor alone, over its bins.
func (p *predictor) performance(m *Model) float32 {
	all := append([]bin(nil), p.bins...)
	if p.other.mass() > 0 {
		all = append(all, p.other)
	}
	if pos, neg := p.lost(m.pos, m.neg); pos+neg > 0 {
		all = append(all, bin{pos: pos, neg: neg})
	}
	slices.SortStableFunc(all, func(a, b bin) int {
		x, y := a.pos*b.mass(), b.pos*a.mass()
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return float32(areaUnder(all))
}

// areaUnder of bins in rising order of what was foretold; within a bin, half.
func areaUnder(bins []bin) float64 {
	var area, pos, neg float64
	for _, b := range bins {
		area += float64(b.pos) * (neg + float64(b.neg)/2)
		pos, neg = pos+float64(b.pos), neg+float64(b.neg)
	}
	if pos == 0 || neg == 0 {
		return 0.5
	}
	return area / (pos * neg)
}
