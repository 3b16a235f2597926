// Package stats holds the statistics of reports and evaluations: confidence intervals of proportions, and measures of
// how well predictions rank and are calibrated. All functions are pure.
package stats

import "math"

// Z95 is the quantile of the standard normal distribution for two-sided intervals of 95 %.
const Z95 = 1.959963984540054

// Proportion is a share of N customers with its 95 % interval. Share, Low and High are between 0 and 1.
type Proportion struct {
	Share, Low, High float64 // 0, 0 and 1 if N is 0
	N                int64
}

// Wilson returns the proportion k/n with the interval of Wilson's score method, without continuity correction (E. B.
// Wilson, Probable inference, the law of succession, and statistical inference, JASA 22, 1927). Unlike the textbook's p
// ± z√(p(1−p)/n), it is valid for few customers and for proportions near 0 and 1.
func Wilson(k, n int64) Proportion {
	if n <= 0 {
		return Proportion{High: 1}
	}
	p, m := float64(k)/float64(n), float64(n)
	middle := (p + Z95*Z95/(2*m)) / (1 + Z95*Z95/m)
	half := Z95 * math.Sqrt(p*(1-p)/m+Z95*Z95/(4*m*m)) / (1 + Z95*Z95/m)
	r := Proportion{Share: p, Low: max(middle-half, 0), High: min(middle+half, 1), N: n}
	if k == 0 { // exact at both ends, where rounding would show
		r.Low = 0
	}
	if k == n {
		r.High = 1
	}
	return r
}

// Difference is one proportion minus another with its 95 % interval, each between −1 and 1. If the interval contains 0,
// the two may be equal.
type Difference struct {
	Share, Low, High float64
}

// Newcombe returns a − b with the interval of Newcombe's hybrid score method, which combines the two Wilson
// intervals (R. G. Newcombe, Interval estimation for the difference between independent proportions, Statistics in
// Medicine 17, 1998, method 10).
func Newcombe(a, b Proportion) Difference {
	d := a.Share - b.Share
	return Difference{
		Share: d,
		Low:   d - math.Hypot(a.Share-a.Low, b.High-b.Share),
		High:  d + math.Hypot(a.High-a.Share, b.Share-b.Low),
	}
}

// Needed returns how many customers each of two groups needs to tell a difference as large as that between the proportions a and b: with a
// probability of 80 %, at a level of 5 %, by the normal approximation (J. L. Fleiss, Statistical Methods for Rates and Proportions, without
// continuity correction and with variances that are not pooled). It returns 0 if they are equal.
func Needed(a, b float64) int64 {
	if a == b {
		return 0
	}
	const z80 = 0.8416212335729143
	n := (Z95 + z80) * (Z95 + z80) * (a*(1-a) + b*(1-b)) / ((a - b) * (a - b))
	return int64(math.Ceil(n))
}
