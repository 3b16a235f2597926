package stats

import (
	"math"
	"testing"
)

// TestWilsonMatchesPublishedIntervals checks the examples of Newcombe, Two-sided confidence intervals for the
// single proportion, Statistics in Medicine 17 (1998), table I, method 3.
func TestWilsonMatchesPublishedIntervals(t *testing.T) {
	t.Parallel()
	for _, want := range []struct {
		k, n      int64
		low, high float64
	}{{81, 263, .2553, .3662}, {15, 148, .0624, .1605}, {0, 20, 0, .1611}, {1, 29, .0061, .1718}, {20, 20, .8389, 1}, {0, 0, 0, 1}} {
		r := Wilson(want.k, want.n)
		if math.Abs(r.Low-want.low) > 5e-5 || math.Abs(r.High-want.high) > 5e-5 {
			t.Errorf("Wilson(%d, %d) = %.4f…%.4f, want %.4f…%.4f", want.k, want.n, r.Low, r.High, want.low, want.high)
		}
	}
}

// TestNewcombeMatchesPublishedIntervals checks the examples of Newcombe, Interval estimation for the difference
// between independent proportions, Statistics in Medicine 17 (1998), table II, method 10.
func TestNewcombeMatchesPublishedIntervals(t *testing.T) {
	t.Parallel()
	for _, want := range []struct {
		a, m, b, n int64
		low, high  float64
	}{{56, 70, 48, 80, .0524, .3339}, {9, 10, 3, 10, .1705, .8090}, {6, 7, 2, 7, .0582, .8062}, {5, 56, 0, 29, -.0381, .1926},
		{10, 10, 0, 20, .6791, 1}} {
		d := Newcombe(Wilson(want.a, want.m), Wilson(want.b, want.n))
		if math.Abs(d.Low-want.low) > 5e-5 || math.Abs(d.High-want.high) > 5e-5 {
			t.Errorf("%d/%d − %d/%d: %.4f…%.4f, want %.4f…%.4f", want.a, want.m, want.b, want.n, d.Low, d.High, want.low, want.high)
		}
	}
}

// TestNeeded compares with values computed by hand from the formula: (1.95996 + 0.84162)² (p1 q1 + p2 q2) / (p1 − p2)².
func TestNeeded(t *testing.T) {
	t.Parallel()
	for _, want := range []struct {
		a, b float64
		n    int64
	}{{.10, .12, 3839}, {.12, .10, 3839}, {.5, .6, 385}, {.2, .2, 0}} {
		if n := Needed(want.a, want.b); n != want.n {
			t.Errorf("Needed(%v, %v) = %d, want %d", want.a, want.b, n, want.n)
		}
	}
}
