package main

import (
	"math"
	"slices"
	"time"
)

// Interval contains the median of the distribution that a figure is drawn from, with a probability of at least 90 %.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// median returns the median of values; 0 of none.
func median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	switch n := len(s); {
	case n == 0:
		return 0
	case n%2 == 1:
		return s[n/2]
	default:
		return (s[n/2-1] + s[n/2]) / 2
	}
}

// confidence is the least probability with which an interval contains the median.
const confidence = 0.9

// interval returns the narrowest pair of order statistics that contains the median with the probability of
// confidence, whatever the distribution: the median lies between the k-th smallest and the k-th largest of n values
// with probability 1 − 2·P(B < k), B binomial of n and ½ (Conover, Practical Nonparametric Statistics). It is nil for
// four values or fewer, which have no such pair. Of five values it is the smallest and the largest, 93.75 %.
func interval(values []float64) *Interval {
	s := slices.Sorted(slices.Values(values))
	n := len(s)
	tail, choose := 0.0, 1.0 // P(B < k), and n over k
	found := -1
	for k := range n/2 + 1 {
		if k > 0 {
			tail += choose * math.Pow(0.5, float64(n))
			choose = choose * float64(n-k+1) / float64(k)
		}
		if k > 0 && 1-2*tail >= confidence {
			found = k - 1
		}
	}
	if found < 0 {
		return nil
	}
	return &Interval{Low: s[found], High: s[n-1-found]}
}

// ratios divides the values of each round.
func ratios(of, to []float64) []float64 {
	out := make([]float64, 0, len(of))
	for i := range min(len(of), len(to)) {
		if to[i] != 0 {
			out = append(out, of[i]/to[i])
		}
	}
	return out
}

// quantile returns the nearest-rank quantile of durations, for q from 0 to 1; 0 of none.
func quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(all))
	rank := int(math.Ceil(q*float64(len(s)))) - 1
	return s[min(max(rank, 0), len(s)-1)]
}

// over counts durations above a limit.
func over(all []time.Duration, limit time.Duration) int {
	n := 0
	for _, d := range all {
		if d > limit {
			n++
		}
	}
	return n
}

// milliseconds returns a duration as a figure.
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
