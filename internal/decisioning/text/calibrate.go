package text

import (
	"math"
	"slices"
)

const (
	defaultTemperature = 0.3
	// outOfScopeShare is the weight of all out-of-scope texts together in the fit, however many there are.
	outOfScopeShare = 0.3
	// enough is the number of texts from which the confidence is fitted; with fewer it stays priorCalibration.
	enough = 100
	// plenty is the number of texts from which only two folds are held out.
	plenty = 5000
	// enoughOutOfScope is the number of out-of-scope examples from which no intents are left out to stand for them.
	enoughOutOfScope = 50
)

// smallSetThreshold is the threshold of small sets. With three examples an intent, two in three messages like them
// are recognized, and one in ten other messages is taken for one of the intents.
const smallSetThreshold = 0.6

// outcome is the result of one held-out text.
type outcome struct {
	signals    [signals]float64
	right      bool
	outOfScope bool // its true label is none of the intents
}

// priorCalibration is the confidence of small sets, found on many small sets drawn from several corpora
// (docs/intents-text.md).
var priorCalibration = [signals]float64{-0.11, 0, 3.9, -2.0, -1.62, 0.96}

// calibrate fits the confidence and chooses the threshold, on folds held out in turn. If there are too few
// out-of-scope examples, some intents are left out of each fold as well, and their texts stand for out-of-scope ones.
func calibrate(
	c *corpus,
	x *matrix,
	unknown []float64,
	few bool,
	weigh trainFunc,
	how svmOptions,
	folds int,
) (trust [signals]float64, threshold float64) {
	if c.own < enough || len(c.intents) < 2 {
		return priorCalibration, smallSetThreshold
	}
	seen := outcomes(c, x, unknown, few, weigh, how, folds)
	trust = logistic(seen, outOfScopeShare)
	return trust, chooseThreshold(seen, trust)
}

// outcomes trains without each fold in turn, and classifies what was held out.
func outcomes(c *corpus, x *matrix, unknown []float64, few bool, weigh trainFunc, how svmOptions, folds int) []outcome {
	fold := make([]int, len(c.texts))
	random := rng(how.seed)
	size, strange := map[int32]int{}, 0
	order := make([]int, c.own)
	for i := range order {
		order[i] = i
	}
	random.shuffle(len(order), func(a, b int) { order[a], order[b] = order[b], order[a] })
	for _, i := range order {
		l := c.labels[i]
		fold[i] = size[l] % folds
		size[l]++
		if l < 0 {
			strange++
		}
	}
	left := make([]int, len(c.intents)) // the fold that an intent is left out of; −1: none
	spread := make([]int, len(c.intents))
	for i := range spread {
		spread[i], left[i] = i, -1
	}
	random.shuffle(len(spread), func(a, b int) { spread[a], spread[b] = spread[b], spread[a] })
	if strange < enoughOutOfScope && len(c.intents) > 2 {
		each := max(1, len(c.intents)/10)
		for n, k := range spread[:min(len(spread)-1, each*folds)] {
			left[k] = n / each
		}
	}
	var out []outcome
	held := folds
	if c.own > plenty {
		held = 2 // more folds would not change the fit
	}
	for k := range held {
		var rows []int32
		gone := make([]bool, len(c.intents))
		for i := range c.intents {
			gone[i] = left[i] == k
		}
		known := make([]bool, x.width)
		for i, l := range c.labels {
			if i < c.own && fold[i] == k || l >= 0 && gone[l] {
				continue
			}
			rows = append(rows, int32(i))
			xs, _ := x.row(i)
			for _, f := range xs {
				known[f] = true
			}
		}
		labels, classes := renumber(c.labels, gone)
		if classes < 1 {
			continue
		}
		w := weigh(x, rows, labels, classes, how)
		var near *nearestExamples
		if few {
			near = newNearestExamples(labels, classes, x, rows)
		}
		for i := range c.own {
			if l := c.labels[i]; fold[i] != k && !(l >= 0 && gone[l]) {
				continue
			}
			out = append(out, readHeldOut(x, i, w, near, known, unknown[i], labels[i]))
		}
	}
	return out
}

// renumber numbers the remaining classes from 0. Texts of the others get −1.
func renumber(labels []int32, gone []bool) (out []int32, classes int) {
	number := make([]int32, len(gone))
	for i, g := range gone {
		if number[i] = -1; !g {
			number[i] = int32(classes)
			classes++
		}
	}
	out = make([]int32, len(labels))
	for i, l := range labels {
		if out[i] = -1; l >= 0 {
			out[i] = number[l]
		}
	}
	return out, classes
}

// readHeldOut returns the outcome of a held-out text.
func readHeldOut(x *matrix, i int, w [][]float32, near *nearestExamples, known []bool, unknown float64, label int32) outcome {
	xs, vs := x.row(i)
	margins := make([]float64, len(w))
	for c := range w {
		sum := w[c][x.width]
		for k, f := range xs {
			sum += w[c][f] * vs[k]
		}
		margins[c] = float64(sum)
	}
	var strange, all float64
	for k, f := range xs {
		v := float64(vs[k] * vs[k])
		if all += v; !known[f] {
			strange += v
		}
	}
	if all > 0 {
		unknown += (1 - unknown) * strange / all
	}
	like := near.addSimilarity(xs, vs, margins)
	var o outcome
	var best int
	o.signals, best = signalsOf(margins, unknown, like)
	o.right, o.outOfScope = label == int32(best), label < 0
	return o
}

// logistic fits the confidence to outcomes by Newton's method with step halving. A Gaussian prior holds it near
// priorCalibration where the outcomes say little.
func logistic(seen []outcome, strangeShare float64) [signals]float64 {
	strange := 0
	for _, o := range seen {
		if o.outOfScope {
			strange++
		}
	}
	weight := 1.0 // weight of a text out of scope
	if inside := len(seen) - strange; strange > 0 && inside > 0 {
		weight = strangeShare / (1 - strangeShare) * float64(inside) / float64(strange)
	}
	b := priorCalibration
	loss, slope, curve := logLoss(seen, weight, b)
	for range 50 {
		step := solve(curve, slope)
		size := 1.0
		for size > 1e-6 {
			next := b
			for i := range next {
				next[i] -= size * step[i]
			}
			if l, s, c := logLoss(seen, weight, next); l < loss {
				if loss-l < 1e-9*loss {
					return next
				}
				b, loss, slope, curve = next, l, s, c
				break
			}
			size /= 2
		}
		if size <= 1e-6 {
			break
		}
	}
	return b
}

// logLoss returns the log loss of a confidence on outcomes, with its gradient and Hessian; weight is that of texts
// out of scope.
func logLoss(seen []outcome, weight float64, b [signals]float64) (loss float64, slope [signals]float64, curve [signals][signals]float64) {
	const hold = 0.5 // precision of the prior
	for i := range signals {
		d := b[i] - priorCalibration[i]
		loss += hold * d * d / 2
		slope[i], curve[i][i] = hold*d, hold
	}
	for _, o := range seen {
		z := 0.0
		for i, v := range o.signals {
			z += b[i] * v
		}
		w, want := 1.0, 0.0
		if o.outOfScope {
			w = weight
		}
		if o.right {
			want = 1
		}
		p := 1 / (1 + math.Exp(-z))
		if o.right {
			loss += w * math.Log1p(math.Exp(-z))
		} else {
			loss += w * math.Log1p(math.Exp(z))
		}
		for i, v := range o.signals {
			slope[i] += w * (p - want) * v
			for j, u := range o.signals {
				curve[i][j] += w * p * (1 - p) * v * u
			}
		}
	}
	return loss, slope, curve
}

// solve returns x of a·x = y by elimination; a is positive definite.
func solve(a [signals][signals]float64, y [signals]float64) [signals]float64 {
	for i := range signals {
		for j := i + 1; j < signals; j++ {
			f := a[j][i] / a[i][i]
			for k := i; k < signals; k++ {
				a[j][k] -= f * a[i][k]
			}
			y[j] -= f * y[i]
		}
	}
	for i := signals - 1; i >= 0; i-- {
		for k := i + 1; k < signals; k++ {
			y[i] -= a[i][k] * y[k]
		}
		y[i] /= a[i][i]
	}
	return y
}

// maxLostShare is the share of rightly classified texts that the threshold may turn into none of the intents.
const maxLostShare = 0.002

// chooseThreshold returns the confidence below which a text is about none of the intents.
func chooseThreshold(seen []outcome, trust [signals]float64) float64 {
	var right []float64
	for _, o := range seen {
		if o.right {
			z := 0.0
			for i, v := range o.signals {
				z += trust[i] * v
			}
			right = append(right, 1/(1+math.Exp(-z)))
		}
	}
	if len(right) == 0 {
		return 0.5
	}
	slices.Sort(right)
	return min(right[int(maxLostShare*float64(len(right)))], 0.6)
}
