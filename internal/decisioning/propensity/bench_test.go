package propensity

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// customer makes features up: half numbers, half names.
func customer(r *rand.Rand, features int) Features {
	f := make(Features, 0, features)
	for i := range features {
		switch name := fmt.Sprintf("predictor %03d", i); {
		case r.Float64() < 0.1: // missing
		case i%2 == 0:
			f = append(f, Number(name, r.NormFloat64()*float64(i+1)))
		default:
			f = append(f, Symbol(name, string(rune('a'+r.IntN(8+i%10)))))
		}
	}
	return f
}

func taught(seed uint64, features, outcomes int) *Model {
	r := rand.New(rand.NewPCG(seed, 1))
	m := New(Start{Propensity: 0.1})
	for range outcomes {
		m.Learn(customer(r, features), r.Float64() < 0.1)
	}
	return m
}

// One customer before 1,000 models of 100 predictors: the aim is 5 ms on one core.
func BenchmarkSet(b *testing.B) {
	models := make([]*Model, 1000)
	for i := range models {
		if i < 20 {
			models[i] = taught(uint64(i), 100, 300)
		} else {
			models[i] = models[i%20] // each is made ready for itself
		}
	}
	s := NewSet(models...)
	r := rand.New(rand.NewPCG(9, 9))
	f := customer(r, 100)
	var sum float64
	b.ReportAllocs()
	for b.Loop() {
		p := s.Prepare(f)
		for i := range s.Len() {
			sum += p.Estimate(i).Propensity
		}
	}
	_ = sum
}

func BenchmarkLearn(b *testing.B) {
	m := taught(1, 100, 1000)
	r := rand.New(rand.NewPCG(9, 9))
	var fs []Features
	for range 256 {
		fs = append(fs, customer(r, 100))
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		m.Learn(fs[i%256], i%10 == 0)
		i++
	}
}

func BenchmarkNewSet(b *testing.B) {
	m := taught(1, 100, 1000)
	for b.Loop() {
		NewSet(m)
	}
}

func BenchmarkMarshal(b *testing.B) {
	m := taught(1, 100, 1000)
	var again Model
	for b.Loop() {
		data, _ := m.MarshalBinary()
		if err := again.UnmarshalBinary(data); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(data)), "bytes")
	}
}
