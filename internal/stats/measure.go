package stats

import (
	"cmp"
	"math"
	"slices"
)

// AUROC returns the area under the ROC curve: the probability that a random positive has a higher score than a random
// negative. Equal scores count half. It is 0.5 if there are no positives or no negatives.
func AUROC(scores []float64, yes []bool) float64 {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(scores[a], scores[b]) })
	var ranks, pos, neg float64
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && scores[order[j]] == scores[order[i]] {
			j++
		}
		for _, k := range order[i:j] {
			if yes[k] {
				ranks += float64(i+j+1) / 2
				pos++
			} else {
				neg++
			}
		}
		i = j
	}
	if pos == 0 || neg == 0 {
		return 0.5
	}
	return (ranks - pos*(pos+1)/2) / (pos * neg)
}

// LogLoss returns the mean of −ln of the predicted probability of what happened. Probabilities below 1e-12 count as
// 1e-12.
func LogLoss(p []float64, yes []bool) float64 {
	sum := 0.0
	for i := range p {
		q := p[i]
		if !yes[i] {
			q = 1 - q
		}
		sum -= math.Log(max(q, 1e-12))
	}
	return sum / float64(len(p))
}

// Bar is one bar of a reliability diagram: a group of similar predictions, with the share of them that came true.
type Bar struct {
	Predicted, Observed float64 // means
	Count               int
}

// Reliability sorts predictions into bars of equal count. It returns them with the expected calibration error: the mean
// over all predictions of |predicted − observed| of their bar.
func Reliability(p []float64, yes []bool, bars int) ([]Bar, float64) {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	var out []Bar
	ece := 0.0
	for k := range bars {
		from, to := k*len(order)/bars, (k+1)*len(order)/bars
		if from == to {
			continue
		}
		b := Bar{Count: to - from}
		for _, i := range order[from:to] {
			b.Predicted += p[i] / float64(b.Count)
			if yes[i] {
				b.Observed += 1 / float64(b.Count)
			}
		}
		out = append(out, b)
		ece += math.Abs(b.Predicted-b.Observed) * float64(b.Count) / float64(len(order))
	}
	return out, ece
}
