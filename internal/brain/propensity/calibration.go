package propensity

import "math"

const (
	scoreBins = 64
	scoreSpan = 8.0 // scores beyond ±8 (log-odds) are counted at the ends
	// blockShare of all outcomes makes a block: with fewer a rate says little.
	blockShare = 0.02
)

// calibration counts what came of each score the model gave before it learned from the outcome.
type calibration [scoreBins]struct{ Pos, Neg float32 }

func (c *calibration) count(score float64, accepted bool, unit float32) {
	b := &c[int(max(0, min((score+scoreSpan)/(2*scoreSpan)*scoreBins, scoreBins-1)))]
	if accepted {
		b.Pos += unit
	} else {
		b.Neg += unit
	}
}

// block is a stretch of scores with one propensity.
type block struct {
	pos, neg float64
	at       float64 // the mean score
}

// value is Pega's (0.5 + pos) / (1 + pos + neg), with what is known of all customers in place of 0.5.
func (b block) value(belief float64) float64 { return (belief + b.pos) / (1 + b.pos + b.neg) }

func (b block) with(o block) block {
	n, k := b.pos+b.neg, o.pos+o.neg
	return block{b.pos + o.pos, b.neg + o.neg, (b.at*n + o.at*k) / (n + k)}
}

// pool is isotonic regression by pooling adjacent violators (PAVA): neighbours are joined until propensities rise with the score.
func pool(blocks []block, belief float64) []block {
	var out []block
	for _, b := range blocks {
		for len(out) > 0 && out[len(out)-1].value(belief) >= b.value(belief) {
			b = out[len(out)-1].with(b)
			out = out[:len(out)-1]
		}
		out = append(out, b)
	}
	return out
}

// curve turns scores into propensities, rising with them: linear between the blocks' middles, so that customers in one block still differ.
type curve struct {
	at                     []float64
	propensity, evidence   []float64
	positives, performance float64
}

// curve is the calibration at this moment, smoothed by the starting belief as if it had been that many outcomes more.
func (m *Model) curve() *curve {
	pos, all := float64(m.pos)/m.weight, float64(m.pos+m.neg)/m.weight
	var blocks []block
	var rising []bin
	for i, b := range m.scores {
		one := block{float64(b.Pos) / m.weight, float64(b.Neg) / m.weight, ((float64(i)+0.5)/scoreBins*2 - 1) * scoreSpan}
		if one.pos+one.neg == 0 {
			continue
		}
		rising = append(rising, bin{pos: b.Pos, neg: b.Neg})
		if last := len(blocks) - 1; last >= 0 && blocks[last].pos+blocks[last].neg < blockShare*all {
			blocks[last] = blocks[last].with(one)
		} else {
			blocks = append(blocks, one)
		}
	}
	if last := len(blocks) - 1; last > 0 && blocks[last].pos+blocks[last].neg < blockShare*all {
		blocks[last-1] = blocks[last-1].with(blocks[last])
		blocks = blocks[:last]
	}
	start := m.start
	belief := (start.Evidence*start.Propensity + pos) / (start.Evidence + all)
	c := &curve{positives: pos, performance: max(0.5, areaUnder(rising))}
	for _, b := range pool(blocks, belief) {
		c.at = append(c.at, b.at)
		c.propensity = append(c.propensity, (start.Evidence*start.Propensity+all*b.value(belief))/(start.Evidence+all))
		c.evidence = append(c.evidence, start.Evidence+b.pos+b.neg)
	}
	if len(c.at) == 0 {
		c.at, c.propensity, c.evidence = []float64{0}, []float64{start.Propensity}, []float64{start.Evidence}
	}
	return c
}

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
	e.Propensity = max(smallest, min(e.Propensity, 1-smallest))
	return e
}

// finite reports whether v is a number to count with.
func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
