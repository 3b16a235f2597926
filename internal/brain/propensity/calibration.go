package propensity

import "math"

const (
	scoreBins = 64
	scoreSpan = 8.0 // scores beyond ±8 (log-odds) are counted at the ends
)

// calibration counts what came of each score the model gave, before it learned from it.
type calibration struct {
	Bins [scoreBins]struct{ Pos, Neg float32 }
}

func scoreBin(score float64) int {
	if math.IsNaN(score) {
		return scoreBins / 2
	}
	return int(max(0, min((score+scoreSpan)/(2*scoreSpan)*scoreBins, scoreBins-1)))
}

func (c *calibration) count(score float64, accepted bool, unit float32) {
	b := &c.Bins[scoreBin(score)]
	if accepted {
		b.Pos += unit
	} else {
		b.Neg += unit
	}
}

func (c *calibration) scale(by float32) {
	for i := range c.Bins {
		c.Bins[i].Pos *= by
		c.Bins[i].Neg *= by
	}
}

// block is a stretch of scores with one propensity.
type block struct {
	pos, neg float64
	at       float64 // the mean score
}

func (b block) value(belief float64) float64 { return (belief + b.pos) / (1 + b.pos + b.neg) }

// curve turns scores into propensities, rising.
type curve struct {
	at, propensity, evidence []float64
	positives, performance   float64
}

// pool is isotonic regression by pooling adjacent violators (PAVA): neighbours are joined until the propensities rise.
func pool(blocks []block, belief float64) []block {
	out := blocks[:0:0]
	for _, b := range blocks {
		out = append(out, b)
		for len(out) > 1 && out[len(out)-2].value(belief) >= out[len(out)-1].value(belief) {
			x, y := out[len(out)-2], out[len(out)-1]
			n, o := x.pos+x.neg, y.pos+y.neg
			out = append(out[:len(out)-2], block{x.pos + y.pos, x.neg + y.neg, (x.at*n + y.at*o) / (n + o)})
		}
	}
	return out
}

// curve is the calibration at this moment.
func (c *calibration) curve(m *Model) *curve {
	var blocks []block
	var rising []bin
	all := float64(m.pos+m.neg) / m.weight
	for i, b := range c.Bins {
		pos, neg := float64(b.Pos)/m.weight, float64(b.Neg)/m.weight
		if pos+neg == 0 {
			continue
		}
		rising = append(rising, bin{pos: b.Pos, neg: b.Neg})
		at := (float64(i)+0.5)/scoreBins*2*scoreSpan - scoreSpan
		next := block{pos, neg, at}
		if k := len(blocks) - 1; k >= 0 && (blocks[k].pos+blocks[k].neg < all/50 || pos+neg < all/50) {
			x := blocks[k]
			n, o := x.pos+x.neg, pos+neg
			blocks[k] = block{x.pos + pos, x.neg + neg, (x.at*n + at*o) / (n + o)}
			continue
		}
		blocks = append(blocks, next)
	}
	s := m.start
	base := (s.Evidence*s.Propensity + float64(m.pos)/m.weight) / (s.Evidence + all)
	out := &curve{positives: float64(m.pos) / m.weight, performance: max(0.5, areaUnder(rising))}
	for _, b := range pool(blocks, base) {
		p := (s.Evidence*s.Propensity + all*b.value(base)) / (s.Evidence + all)
		out.at = append(out.at, b.at)
		out.propensity = append(out.propensity, p)
		out.evidence = append(out.evidence, s.Evidence+b.pos+b.neg)
	}
	if len(out.at) == 0 {
		out.at, out.propensity, out.evidence = []float64{0}, []float64{s.Propensity}, []float64{s.Evidence}
	}
	return out
}

// estimate is linear between the blocks' middles.
func (c *curve) estimate(score float64) Estimate {
	e := Estimate{Positives: c.positives, Performance: c.performance}
	last := len(c.at) - 1
	switch {
	case !(score > c.at[0]):
		e.Propensity, e.Evidence = c.propensity[0], c.evidence[0]
	case score >= c.at[last]:
		e.Propensity, e.Evidence = c.propensity[last], c.evidence[last]
	default:
		i := 0
		for score >= c.at[i+1] {
			i++
		}
		t := (score - c.at[i]) / (c.at[i+1] - c.at[i])
		e.Propensity = c.propensity[i] + t*(c.propensity[i+1]-c.propensity[i])
		e.Evidence = c.evidence[i] + t*(c.evidence[i+1]-c.evidence[i])
	}
	return e
}
