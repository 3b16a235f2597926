package store

import "math"

// z95 is the quantile of the normal distribution for intervals of 95 %.
const z95 = 1.959963984540054

// Rate is a share of customers, with its interval of 95 % by Wilson's score method without continuity
// correction (E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22,
// 1927), which holds for few customers and for shares near 0 and 1, where the textbook's p ± z√(p(1−p)/n) does
// not.
type Rate struct {
	Share, Low, High float64 // of 1; 0, 0, 1 where N is 0
	N                int64
}

// Wilson gives the rate of k in n.
func Wilson(k, n int64) Rate {
	if n <= 0 {
		return Rate{High: 1}
	}
	p, m := float64(k)/float64(n), float64(n)
	middle := (p + z95*z95/(2*m)) / (1 + z95*z95/m)
	half := z95 * math.Sqrt(p*(1-p)/m+z95*z95/(4*m*m)) / (1 + z95*z95/m)
	r := Rate{Share: p, Low: max(middle-half, 0), High: min(middle+half, 1), N: n}
	if k == 0 { // exact at the rims, where rounding is not
		r.Low = 0
	}
	if k == n {
		r.High = 1
	}
	return r
}

// Difference is one rate less another, with its interval of 95 % by Newcombe's hybrid score method, which puts
// together the two Wilson intervals (R. G. Newcombe, Interval estimation for the difference between independent
// proportions, Statistics in Medicine 17, 1998, method 10). Where the interval holds 0, the two may well be the
// same.
type Difference struct {
	Share, Low, High float64
}

// Newcombe gives a less b.
func Newcombe(a, b Rate) Difference {
	d := a.Share - b.Share
	return Difference{
		Share: d,
		Low:   d - math.Hypot(a.Share-a.Low, b.High-b.Share),
		High:  d + math.Hypot(a.High-a.Share, b.Share-b.Low),
	}
}
