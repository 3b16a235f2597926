package propensity

import (
	"math"
	"slices"
)

// bayesShare is the part of naive Bayes in the score; the regression has the rest. Measured in docs/learning.md.
const bayesShare = 0.25

// activeAUC is Pega's threshold: a predictor whose own AUC is lower is not used by naive Bayes.
const activeAUC = 0.52

// contribution returns the evidence of a bin in log-odds (Pega, "ADM explained"):
//
//	ln(Pos_i + 1/nBins) − ln(Neg_i + 1/nBins) − ln(1 + ΣPos) + ln(1 + ΣNeg)
//
// The last two terms are the same for all bins: prior.
func contribution(pos, neg float64, bins int, prior float64) float64 {
	n := 1 / float64(bins)
	return math.Log((pos+n)/(neg+n)) + prior
}

// size returns nBins, with the bins of rare names and missing values.
func (p *predictor) size() int {
	if p.number {
		return len(p.bins) + 1
	}
	return len(p.bins) + 2
}

// sums is what all predictors share in a score.
type sums struct {
	pos, neg float64 // outcomes, decayed
	share    float64 // of each active predictor's contribution: Pega divides by 1 + active predictors
	base     float64 // the part of the score that is the same for every customer
	prior    float64 // −ln(1 + ΣPos) + ln(1 + ΣNeg)
}

func (m *Model) sums() sums {
	s := sums{pos: float64(m.pos) / m.weight, neg: float64(m.neg) / m.weight}
	active := 0
	for i := range m.predictors {
		if m.predictors[i].active {
			active++
		}
	}
	s.share = bayesShare / float64(1+active)
	s.prior = math.Log((1 + s.neg) / (1 + s.pos))
	s.base = -s.prior*s.share + float64(m.bias.mean)*(1-bayesShare)
	return s
}

// says returns what a bin of this rank adds to the score, in log-odds; 0 for a value never seen (nil).
func (m *Model) says(p *predictor, b *bin, rank float64, s *sums) float32 {
	if b == nil {
		return 0
	}
	sum := (float64(b.weight.mean) + float64(p.slope.mean)*rank) * (1 - bayesShare)
	if p.active {
		pos, neg := b.pos, b.neg
		if b == &p.missing {
			pos, neg = p.lost(m.pos, m.neg)
		}
		if pos+neg > 0 {
			sum += s.share * contribution(float64(pos)/m.weight, float64(neg)/m.weight, p.size(), s.prior)
		}
	}
	return float32(sum)
}

// each visits the predictors with the customer's bin; nil if the value was never seen.
func (m *Model) each(vs []value, visit func(p *predictor, b *bin)) {
	for i := range m.predictors {
		p := &m.predictors[i]
		behind := -1
		for len(vs) > 0 {
			if behind = compareKey(vs[0], p); behind >= 0 {
				break
			}
			vs = vs[1:]
		}
		if behind == 0 {
			visit(p, p.find(vs[0]))
		} else {
			visit(p, &p.missing)
		}
	}
}

// score returns the base plus what every predictor adds, in log-odds.
func (m *Model) score(vs []value) float64 {
	s := m.sums()
	sum := s.base
	m.each(vs, func(p *predictor, b *bin) { sum += float64(m.says(p, b, p.rank(b), &s)) })
	return sum
}

// refresh rates the predictors, and decides which of them naive Bayes uses.
func (m *Model) refresh() {
	for i := range m.predictors {
		p := &m.predictors[i]
		all := append(m.sorted[:0], p.bins...)
		pos, neg := p.lost(m.pos, m.neg)
		all = append(all, p.other, bin{pos: pos, neg: neg})
		slices.SortStableFunc(all, func(a, b bin) int {
			x, y := a.pos*b.neg, b.pos*a.neg
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		})
		p.auc = float32(areaUnder(all))
		p.active = p.auc >= activeAUC
		m.sorted = all
	}
}

// areaUnder returns the area under the ROC curve of bins in increasing order; within a bin it is one half.
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

func logit(p float64) float64 { return math.Log(p / (1 - p)) }

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
