package main

import (
	"math"
	"slices"
	"time"
)

// Interval holds the median of what a figure is drawn from with a chance of at least 90 %.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// median of values; 0 of none.
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

// confidence is the least chance with which an interval holds the median.
const confidence = 0.9

// interval is the narrowest pair of order statistics that holds the median with the chance of confidence,
// whatever the values' distribution: between the k-th smallest and the k-th largest of n values the median lies
// with 1 − 2·P(B < k), B binomial of n and ½ (Conover, Practical Nonparametric Statistics). Of four values or
// fewer there is no such pair, and it is nil: five give smallest and largest, 93.75 %.
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

// ratios divides pairs of one round.
func ratios(of, to []float64) []float64 {
	out := make([]float64, 0, len(of))
	for i := range min(len(of), len(to)) {
		if to[i] != 0 {
			out = append(out, of[i]/to[i])
		}
	}
	return out
}

// quantile is the nearest-rank quantile of durations; q from 0 to 1. 0 of none.
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

// milliseconds of a duration, as a figure.
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
