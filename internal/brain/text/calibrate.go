package text

import (
	"math"
	"slices"
)

const (
	defaultHeat = 0.3
	// Out-of-scope texts weigh so much of the whole when the confidence is fitted, however many there are.
	strangeShare = 0.2
	// enough is from how many held-out texts on the confidence is fitted to them; with fewer it stays what was found for small sets of many kinds.
	enough = 100
)

// outcome is what became of a held-out text.
type outcome struct {
	clues   [trusts]float64
	right   bool
	strange bool // it is of none of the intents
}

// prior is the confidence of small sets: found on many small ones drawn from several corpora (docs/intents-text.md).
var prior = [trusts]float64{-1.2, 2.5, 1.5, -1, 0}

// calibrate finds what the confidence makes of the clues, and the threshold, on folds held out one after another. Where there are too few out-of-scope
// examples, a part of the intents is left out of each fold as well, and its texts stand for them.
func calibrate(c *corpus, x *matrix, unknown []float64, few bool, how fit, folds int) (trust [trusts]float64, threshold float64) {
	if c.own < enough || len(c.intents) < 2 {
		return prior, 0.5
	}
	seen := outcomes(c, x, unknown, few, how, folds)
	trust = logistic(seen)
	return trust, cut(seen, trust)
}

// outcomes trains without each fold in turn, and reads what was held out.
func outcomes(c *corpus, x *matrix, unknown []float64, few bool, how fit, folds int) []outcome {
	fold := make([]int, len(c.texts))
	random := dice(how.seed)
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
	group := make([]int, len(c.intents)) // the fold that an intent is left out of
	spread := make([]int, len(c.intents))
	for i := range spread {
		spread[i] = i
	}
	random.shuffle(len(spread), func(a, b int) { spread[a], spread[b] = spread[b], spread[a] })
	leave := strange < 50 && len(c.intents) > 2
	for n, k := range spread {
		group[k] = n % folds
	}
	var out []outcome
	for k := range folds {
		var rows []int32
		gone := make([]bool, len(c.intents))
		for i := range c.intents {
			gone[i] = leave && group[i] == k || size[int32(i)] == 1
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
		labels, classes := dense32(c.labels, gone)
		if classes < 1 {
			continue
		}
		w := svm(x, rows, labels, classes, how)
		var near *likes
		if few {
			near = newLikes(&corpus{intents: make([]string, classes), labels: labels}, x, rows)
		}
		for i := range c.own {
			if fold[i] != k {
				continue
			}
			out = append(out, hold(x, i, w, near, known, unknown[i], labels[i]))
		}
	}
	return out
}

// dense32 numbers the classes that are not gone from 0; the texts of others are of none.
func dense32(labels []int32, gone []bool) (out []int32, classes int) {
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

// hold reads a held-out text.
func hold(x *matrix, i int, w [][]float32, near *likes, known []bool, unknown float64, label int32) outcome {
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
	var like []float64
	if near != nil {
		like, _ = near.of(xs, vs, kinds)
		for c, v := range like {
			margins[c] += v
		}
	}
	var o outcome
	var best int
	o.clues, best = clues(margins, unknown, like)
	o.right, o.strange = label == int32(best), label < 0
	return o
}

// logistic fits the confidence to outcomes by Newton's method, held near the prior where they say little.
func logistic(seen []outcome) [trusts]float64 {
	const hold = 1.0 // strength of the prior, in texts
	strange := 0
	for _, o := range seen {
		if o.strange {
			strange++
		}
	}
	weight := [2]float64{1, 1}
	if inside := len(seen) - strange; strange > 0 && inside > 0 {
		weight[1] = strangeShare / (1 - strangeShare) * float64(inside) / float64(strange)
	}
	b := prior
	for range 25 {
		var slope [trusts]float64
		var curve [trusts][trusts]float64
		for i := range trusts {
			slope[i] = -hold * (b[i] - prior[i])
			curve[i][i] = hold
		}
		for _, o := range seen {
			z := 0.0
			for i, v := range o.clues {
				z += b[i] * v
			}
			p := 1 / (1 + math.Exp(-z))
			w := weight[0]
			if o.strange {
				w = weight[1]
			}
			want := 0.0
			if o.right {
				want = 1
			}
			for i, v := range o.clues {
				slope[i] += w * (want - p) * v
				for j, u := range o.clues {
					curve[i][j] += w * p * (1 - p) * v * u
				}
			}
		}
		step := solve(curve, slope)
		most := 0.0
		for i := range b {
			b[i] += step[i]
			most = max(most, math.Abs(step[i]))
		}
		if most < 1e-6 {
			break
		}
	}
	return b
}

// solve gives x of a·x = y by elimination; a is positive definite.
func solve(a [trusts][trusts]float64, y [trusts]float64) [trusts]float64 {
	for i := range trusts {
		for j := i + 1; j < trusts; j++ {
			f := a[j][i] / a[i][i]
			for k := i; k < trusts; k++ {
				a[j][k] -= f * a[i][k]
			}
			y[j] -= f * y[i]
		}
	}
	for i := trusts - 1; i >= 0; i-- {
		for k := i + 1; k < trusts; k++ {
			y[i] -= a[i][k] * y[k]
		}
		y[i] /= a[i][i]
	}
	return y
}

// lose is the share of rightly told texts that the threshold may take for none of the intents.
const lose = 0.015

// cut gives the confidence below which a text is none of the intents.
func cut(seen []outcome, trust [trusts]float64) float64 {
	var right []float64
	for _, o := range seen {
		if o.right {
			z := 0.0
			for i, v := range o.clues {
				z += trust[i] * v
			}
			right = append(right, 1/(1+math.Exp(-z)))
		}
	}
	if len(right) == 0 {
		return 0.5
	}
	slices.Sort(right)
	return min(right[int(lose*float64(len(right)))], 0.6)
}
