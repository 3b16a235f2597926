package propensity

import (
	"cmp"
	"math"
	"slices"
)

// A predictor's bins. Bounds keep a model small: see MaxSize.
const (
	maxNumberBins = 16
	maxSymbolBins = 16
)

// bin counts the outcomes of customers alike in one predictor. Counts are in units of the model's weight.
type bin struct {
	pos, neg float32
	w, v     float32 // of the regression: weight (log-odds) and its variance

	lo, hi, mean float32 // of a number: the values seen, both ends inclusive
	hash         uint64  // of a symbol
}

func (b *bin) mass() float32 { return b.pos + b.neg }

// predictor is one feature as the model knows it. What the bins do not hold of the model's totals is missing.
type predictor struct {
	name    string
	number  bool
	bins    []bin // of a number by value; of a symbol by hash
	other   bin   // of a symbol: rare names together
	missing bin   // pos and neg are unused: they are what the bins leave of the totals
	active  bool
	auc     float32
}

// find gives the bin of a value, or nil where the value is not in one.
func (p *predictor) find(v value) *bin {
	if !p.number {
		if i, ok := slices.BinarySearchFunc(p.bins, v.hash, func(b bin, h uint64) int { return cmp.Compare(b.hash, h) }); ok {
			return &p.bins[i]
		}
		if p.other.mass() > 0 {
			return &p.other
		}
		return nil
	}
	return nearest(p.bins, v.x)
}

// nearest is the bin that holds x, else the one whose end is nearest.
func nearest(bins []bin, x float32) *bin {
	if len(bins) == 0 {
		return nil
	}
	i, _ := slices.BinarySearchFunc(bins, x, func(b bin, x float32) int { return cmp.Compare(b.hi, x) })
	switch {
	case i == len(bins):
		return &bins[i-1]
	case i > 0 && x < bins[i].lo && x-bins[i-1].hi < bins[i].lo-x:
		return &bins[i-1]
	}
	return &bins[i]
}

// place gives the bin that a value is to be counted in, and makes room for it where there is none yet.
func (p *predictor) place(v value, total float32) *bin {
	if p.number {
		return p.placeNumber(v.x)
	}
	i, ok := slices.BinarySearchFunc(p.bins, v.hash, func(b bin, h uint64) int { return cmp.Compare(b.hash, h) })
	if ok {
		return &p.bins[i]
	}
	if len(p.bins) == maxSymbolBins {
		least := 0
		for j := range p.bins {
			if p.bins[j].mass() < p.bins[least].mass() {
				least = j
			}
		}
		// A name that makes up a hundredth stays; rarer ones give way to newcomers and are counted together.
		if p.bins[least].mass() > total/100 {
			return &p.other
		}
		p.other = join(p.other, p.bins[least])
		p.bins = slices.Delete(p.bins, least, least+1)
		if least < i {
			i--
		}
	}
	fresh := bin{hash: v.hash, w: p.other.w, v: priorVariance}
	p.bins = slices.Insert(p.bins, i, fresh)
	return &p.bins[i]
}

// placeNumber keeps bins about equally heavy: a value between bins begins one of its own, the two lightest neighbours are joined, a heavy bin is halved.
func (p *predictor) placeNumber(x float32) *bin {
	i, _ := slices.BinarySearchFunc(p.bins, x, func(b bin, x float32) int { return cmp.Compare(b.hi, x) })
	if i < len(p.bins) && x >= p.bins[i].lo {
		return &p.bins[i]
	}
	fresh := bin{lo: x, hi: x, mean: x, v: priorVariance}
	if near := nearest(p.bins, x); near != nil {
		fresh.w = near.w
	}
	p.bins = slices.Insert(p.bins, i, fresh)
	if len(p.bins) > maxNumberBins {
		at := p.lightest(i)
		p.joinAt(at)
		if at < i {
			i--
		}
	}
	return &p.bins[i]
}

// lightest is the left one of the two neighbours that are lightest together; a bin just begun (at) weighs as one outcome of the lightest.
func (p *predictor) lightest(int) int {
	best, least := 0, float32(math.Inf(1))
	for j := range len(p.bins) - 1 {
		if m := p.bins[j].mass() + p.bins[j+1].mass(); m < least {
			best, least = j, m
		}
	}
	return best
}

func (p *predictor) joinAt(i int) {
	p.bins[i] = join(p.bins[i], p.bins[i+1])
	p.bins = slices.Delete(p.bins, i+1, i+2)
}

// halve splits a numeric bin that has grown too heavy, where it is not of one value. Whom the outcomes belong to is not known any more: each side gets half.
func (p *predictor) halve(total float32) {
	for i := range p.bins {
		b := p.bins[i]
		if b.mass() < total*2.5/maxNumberBins || b.lo >= b.hi || b.mean >= b.hi {
			continue
		}
		left, right := b, b
		left.pos, left.neg, right.pos, right.neg = b.pos/2, b.neg/2, b.pos/2, b.neg/2
		left.hi = max(b.mean, b.lo)
		right.lo = math.Nextafter32(left.hi, b.hi)
		left.mean, right.mean = left.lo+(left.hi-left.lo)/2, right.lo+(right.hi-right.lo)/2
		left.v, right.v = min(2*b.v, priorVariance), min(2*b.v, priorVariance)
		p.bins[i] = left
		p.bins = slices.Insert(p.bins, i+1, right)
		if len(p.bins) > maxNumberBins {
			p.joinAt(p.lightest(-1))
		}
		return
	}
}

func join(a, b bin) bin {
	m := a.mass() + b.mass()
	share := float32(0.5)
	if m > 0 {
		share = a.mass() / m
	}
	out := a
	out.pos, out.neg = a.pos+b.pos, a.neg+b.neg
	out.w = share*a.w + (1-share)*b.w
	out.v = share*a.v + (1-share)*b.v
	out.lo, out.hi = min(a.lo, b.lo), max(a.hi, b.hi)
	out.mean = min(max(share*a.mean+(1-share)*b.mean, out.lo), out.hi)
	return out
}
