package propensity

import (
	"cmp"
	"math"
	"slices"
)

// maxBins of a predictor, besides those of rare names and of missing values. It bounds a model's size: see MaxSize.
const maxBins = 16

// How far the regression's weights may lie from 0 before anything is known (variances, log-odds). A number's
// bins share its slope, so each says less of its own.
const (
	nameVariance   = 0.1
	numberVariance = 0.03
	slopeVariance  = 0.2
)

// bin counts the outcomes of customers alike in one predictor, in units of the model's weight.
type bin struct {
	pos, neg float32
	weight   belief

	lo, hi, mean float32 // of a number: the values seen, both ends included
	hash         uint32  // of a name
}

// belief is a weight of the regression: Gaussian.
type belief struct{ mean, variance float32 }

func (b *bin) mass() float32 { return b.pos + b.neg }

// predictor is one feature as a model knows it. A name that is a number for some customers makes two.
type predictor struct {
	name    string
	number  bool
	bins    []bin  // of a number by value; of names by hash
	other   bin    // of names: rare ones together
	missing bin    // its counts are unused: they are what the other bins leave of the model's totals
	slope   belief // of a number, over its rank
	auc     float32
	active  bool // heard by the naive Bayes
}

func newPredictor(name string, number bool) predictor {
	p := predictor{name: name, number: number, auc: 0.5}
	p.missing.weight.variance, p.other.weight.variance = nameVariance, nameVariance
	if number {
		p.slope.variance = slopeVariance
	}
	return p
}

func byHash(b bin, h uint32) int { return cmp.Compare(b.hash, h) }

// find gives the bin that speaks for a value: the number's or name's own, the nearest, that of rare names; nil
// where there is none.
func (p *predictor) find(v value) *bin {
	if p.number {
		for i := range p.bins {
			if i == len(p.bins)-1 || v.x <= p.cut(i) {
				return &p.bins[i]
			}
		}
		return nil
	}
	if i, ok := slices.BinarySearchFunc(p.bins, v.hash, byHash); ok {
		return &p.bins[i]
	}
	if p.other.mass() > 0 {
		return &p.other
	}
	return nil
}

// cut is the largest number that belongs to bin i rather than to the next: half way between.
func (p *predictor) cut(i int) float32 {
	hi, lo := p.bins[i].hi, p.bins[i+1].lo
	if c := hi/2 + lo/2; c >= hi && c < lo {
		return c
	}
	return hi
}

// place gives the bin that a value is to be counted in, and makes one where there is none. total is the model's
// weight of outcomes.
func (p *predictor) place(v value, total float32) *bin {
	if p.number {
		return p.placeNumber(v)
	}
	i, ok := slices.BinarySearchFunc(p.bins, v.hash, byHash)
	if ok {
		return &p.bins[i]
	}
	if len(p.bins) == maxBins {
		least := 0
		for j := range p.bins {
			if p.bins[j].mass() < p.bins[least].mass() {
				least = j
			}
		}
		// Who makes up a hundredth keeps the place; rarer names give way to newcomers.
		if p.bins[least].mass() > total/100 {
			return &p.other
		}
		p.other = join(p.other, p.bins[least])
		p.bins = slices.Delete(p.bins, least, least+1)
		if least < i {
			i--
		}
	}
	p.bins = slices.Insert(p.bins, i, bin{hash: v.hash, weight: belief{p.other.weight.mean, nameVariance}})
	return &p.bins[i]
}

// placeNumber begins a bin for a value that lies between bins, and where they are too many joins the two
// neighbours that are lightest together: bins stay about equally heavy.
func (p *predictor) placeNumber(v value) *bin {
	i, _ := slices.BinarySearchFunc(p.bins, v.x, func(b bin, x float32) int { return cmp.Compare(b.hi, x) })
	if i < len(p.bins) && v.x >= p.bins[i].lo {
		return &p.bins[i]
	}
	fresh := bin{lo: v.x, hi: v.x, mean: v.x, weight: belief{variance: numberVariance}}
	if near := p.find(v); near != nil {
		fresh.weight.mean = near.weight.mean
	}
	p.bins = slices.Insert(p.bins, i, fresh)
	if len(p.bins) > maxBins {
		if p.joinLightest() < i {
			i--
		}
	}
	return &p.bins[i]
}

// joinLightest joins bin i, which it returns, and the next.
func (p *predictor) joinLightest() int {
	best, least := 0, float32(math.Inf(1))
	for j := range len(p.bins) - 1 {
		if m := p.bins[j].mass() + p.bins[j+1].mass(); m < least {
			best, least = j, m
		}
	}
	p.bins[best] = join(p.bins[best], p.bins[best+1])
	p.bins = slices.Delete(p.bins, best+1, best+2)
	return best
}

// halve splits a number's bin that holds more than 2.5 times its share, at its mean, unless it is of one value.
// Which side an outcome was on is not known any more: each gets half.
func (p *predictor) halve(total float32) {
	for i := range p.bins {
		b := p.bins[i]
		if b.mass() < total*2.5/maxBins || b.mean >= b.hi {
			continue
		}
		left, right := b, b
		left.pos, left.neg, right.pos, right.neg = b.pos/2, b.neg/2, b.pos/2, b.neg/2
		left.hi = b.mean
		right.lo = math.Nextafter32(b.mean, b.hi)
		left.mean, right.mean = left.lo/2+left.hi/2, right.lo/2+right.hi/2
		left.weight.variance = min(2*b.weight.variance, numberVariance)
		right.weight.variance = left.weight.variance
		p.bins[i] = left
		p.bins = slices.Insert(p.bins, i+1, right)
		if len(p.bins) > maxBins {
			p.joinLightest()
		}
		return
	}
}

func join(a, b bin) bin {
	share := float32(0.5)
	if m := a.mass() + b.mass(); m > 0 {
		share = a.mass() / m
	}
	mix := func(x, y float32) float32 { return share*x + (1-share)*y }
	out := bin{
		pos: a.pos + b.pos, neg: a.neg + b.neg,
		weight: belief{mix(a.weight.mean, b.weight.mean), mix(a.weight.variance, b.weight.variance)},
		lo:     min(a.lo, b.lo), hi: max(a.hi, b.hi),
	}
	out.mean = max(out.lo, min(mix(a.mean, b.mean), out.hi))
	return out
}

// count adds one outcome of this weight.
func (b *bin) count(accepted bool, unit float32) {
	if accepted {
		b.pos += unit
	} else {
		b.neg += unit
	}
}

// rank is where a number's bin lies among the others: 0 in the middle of the customers, of variance 1 over all
// of them. Of names it is 0.
func (p *predictor) rank(b *bin) float64 {
	if !p.number || b == &p.missing || b == nil {
		return 0
	}
	var below, all float32
	for i := range p.bins {
		if &p.bins[i] == b {
			below = all + p.bins[i].mass()/2
		}
		all += p.bins[i].mass()
	}
	return rankOf(below, all)
}

func rankOf(below, all float32) float64 {
	if all == 0 {
		return 0
	}
	return (float64(below/all) - 0.5) * math.Sqrt(12)
}

// lost is what the predictor's bins leave of the model's totals: outcomes of customers for whom the feature was
// missing.
func (p *predictor) lost(pos, neg float32) (float32, float32) {
	pos, neg = pos-p.other.pos, neg-p.other.neg
	for i := range p.bins {
		pos -= p.bins[i].pos
		neg -= p.bins[i].neg
	}
	// Rounding leaves crumbs.
	if pos+neg < 1e-3 {
		return 0, 0
	}
	return max(0, pos), max(0, neg)
}
