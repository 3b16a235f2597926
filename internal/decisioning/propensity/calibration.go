package propensity

const (
	scoreBins = 64
	scoreSpan = 8.0 // in log-odds; scores beyond ±8 are counted in the outermost bins
	// blockShare is the share of all outcomes that makes a block; the rate of fewer says little.
	blockShare = 0.02
	// trendWeight is how many outcomes of a block the trend is worth.
	trendWeight = 200
)

// calibration counts the outcomes of each score that the model gave before it learned from the outcome.
type calibration [scoreBins]struct{ Pos, Neg float32 }

func (c *calibration) count(score float64, accepted bool, unit float32) {
	b := &c[int(max(0, min((score+scoreSpan)/(2*scoreSpan)*scoreBins, scoreBins-1)))]
	if accepted {
		b.Pos += unit
	} else {
		b.Neg += unit
	}
}

// block is a range of scores with one propensity.
type block struct {
	pos, neg float64
	at       float64 // the mean score
}

// trend is the logistic curve that fits all blocks best: the prior of each block.
type trend struct {
	a, b   float64 // propensity = 1 / (1 + e^−(a + b·score))
	weight float64 // in outcomes
}

// value is Pega's (0.5 + pos) / (1 + pos + neg), with the trend instead of 0.5 and its weight instead of 1.
func (t trend) value(b block) float64 {
	return (t.weight*sigmoid(t.a+t.b*b.at) + b.pos) / (t.weight + b.pos + b.neg)
}

// follow fits the trend (Platt 1999) by Newton's method, with a prior at the identity: a near 0, b near 1.
func follow(blocks []block, weight float64) trend {
	t := trend{0, 1, weight}
	const drawA, drawB = 1, 10
	for range 8 {
		ga, gb, haa, hab, hbb := -drawA*t.a, -drawB*(t.b-1), float64(drawA), 0.0, float64(drawB)
		for _, b := range blocks {
			p, n := sigmoid(t.a+t.b*b.at), b.pos+b.neg
			d, v := b.pos-n*p, n*p*(1-p)
			ga, gb = ga+d, gb+d*b.at
			haa, hab, hbb = haa+v, hab+v*b.at, hbb+v*b.at*b.at
		}
		det := haa*hbb - hab*hab
		t.a = max(-20, min(t.a+(ga*hbb-gb*hab)/det, 20))
		t.b = max(0.05, min(t.b+(gb*haa-ga*hab)/det, 5))
	}
	return t
}

func (b block) with(o block) block {
	n, k := b.pos+b.neg, o.pos+o.neg
	return block{b.pos + o.pos, b.neg + o.neg, (b.at*n + o.at*k) / (n + k)}
}

// pool is isotonic regression by pooling adjacent violators (PAVA): neighbors are joined until the propensity rises
// with the score.
func pool(blocks []block, t trend) []block {
	var out []block
	for _, b := range blocks {
		for len(out) > 0 && t.value(out[len(out)-1]) >= t.value(b) {
			b = out[len(out)-1].with(b)
			out = out[:len(out)-1]
		}
		out = append(out, b)
	}
	return out
}

// curve maps scores to propensities, increasing. It is linear between the middles of blocks, so that customers in one
// block still differ.
type curve struct {
	at                     []float64
	propensity, evidence   []float64
	positives, performance float64
}

// curve returns the calibration at this moment, smoothed by the starting belief as if that were so many outcomes
// more.
func (m *Model) curve() *curve {
	all := 0.0
	for _, b := range m.scores {
		all += float64(b.Pos+b.Neg) / m.scoreUnit
	}
	var blocks []block
	var rising []bin
	for i, b := range m.scores {
		one := block{float64(b.Pos) / m.scoreUnit, float64(b.Neg) / m.scoreUnit, ((float64(i)+0.5)/scoreBins*2 - 1) * scoreSpan}
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
	t := follow(blocks, trendWeight)
	c := &curve{positives: float64(m.pos) / m.weight, performance: max(0.5, areaUnder(rising))}
	for _, b := range pool(blocks, t) {
		c.at = append(c.at, b.at)
		c.propensity = append(c.propensity, (start.Evidence*start.Propensity+all*t.value(b))/(start.Evidence+all))
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
