package propensity

import (
	"cmp"
	"math"
	"slices"
)

// maxBins is the largest number of bins of a predictor, without those of rare names and missing values. It bounds a
// model's size: see MaxSize.
const maxBins = 16

// Prior variances of the regression's weights, in squared log-odds. The bins of a number share its slope, so each of
// them varies less.
const (
	nameVariance   = 0.1
	numberVariance = 0.03
	slopeVariance  = 0.2
)

// bin counts the outcomes of customers with a similar value, in units of the model's weight.
type bin struct {
	pos, neg float32
	weight   belief

	lo, hi, mean float32 // of a number: smallest, largest and mean value seen
	hash         uint32  // of a name
}

// belief is the Gaussian posterior of a weight of the regression.
type belief struct{ mean, variance float32 }

func (b *bin) mass() float32 { return b.pos + b.neg }

// predictor is one feature as a model knows it. A feature that is a number for some customers and a name for others
// makes two.
type predictor struct {
	name    string
	number  bool
	bins    []bin  // of a number by value; of names by hash
	other   bin    // of names: all rare ones
	missing bin    // its counts are unused: they are the model's totals minus those of all bins (lost)
	slope   belief // of a number: over the rank of its bin
	auc     float32
	active  bool // used by naive Bayes
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

// find returns the bin of a value: its own, for a number the nearest, for a rare name that of rare names; nil if
// there is none.
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

// cut returns the largest number that belongs to bin i rather than to the next: half way between them.
func (p *predictor) cut(i int) float32 {
	hi, lo := p.bins[i].hi, p.bins[i+1].lo
	if c := hi/2 + lo/2; c >= hi && c < lo {
		return c
	}
	return hi
}

// place returns the bin in which a value is counted, and makes one if there is none. total is the model's weight of
// outcomes.
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
		// A name with a hundredth of the outcomes keeps its bin; rarer ones make room for new names.
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

// placeNumber makes a bin for a value between bins. If there are too many, the two neighbors that are lightest
// together are joined, so bins stay about equally heavy.
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

// joinLightest joins bin i, which it returns, with the next one.
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

// rank returns the place of a number's bin among the others: 0 in the middle of the customers, with variance 1 over
// all of them. For names it is 0.
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

// lost returns the outcomes of customers for whom the feature was missing: the model's totals minus those of all
// bins.
func (p *predictor) lost(pos, neg float32) (float32, float32) {
	pos, neg = pos-p.other.pos, neg-p.other.neg
	for i := range p.bins {
		pos -= p.bins[i].pos
		neg -= p.bins[i].neg
	}
	// Ignore rounding errors.
	if pos+neg < 1e-3 {
		return 0, 0
	}
	return max(0, pos), max(0, neg)
}
