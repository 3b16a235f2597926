package main

import (
	"reflect"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		of   []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 2, 3}, 2.5}} {
		if got := median(c.of); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.of, got, c.want)
		}
	}
}

// The pairs are those of the tables for the sign test: five values contain the median with 93.75 %, eight without
// their ends with 92.97 %.
func TestInterval(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]*Interval{
		0: nil, 1: nil, 4: nil,
		5:  {1, 5},
		7:  {1, 7},
		8:  {2, 7},
		11: {3, 9},
		20: {6, 15},
	} {
		var values []float64
		for i := range n {
			values = append(values, float64(n-i))
		}
		if got := interval(values); !reflect.DeepEqual(got, want) {
			t.Errorf("interval of %d values is %v, want %v", n, got, want)
		}
	}
}

func TestRatios(t *testing.T) {
	t.Parallel()
	got := ratios([]float64{10, 20, 30}, []float64{5, 0, 10})
	if want := []float64{2, 3}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	var all []time.Duration
	for i := range 100 {
		all = append(all, time.Duration(100-i)*time.Millisecond)
	}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 50, 0.99: 99, 1: 100} {
		if got := quantile(all, q); got != want*time.Millisecond {
			t.Errorf("quantile %v is %v, want %d ms", q, got, want)
		}
	}
	if n := over(all, 90*time.Millisecond); n != 10 {
		t.Errorf("%d over 90 ms, want 10", n)
	}
	if quantile(nil, 0.5) != 0 {
		t.Error("a quantile of nothing is 0")
	}
}
