package propensity

import (
	"math/rand/v2"
	"strconv"
	"testing"
)

// Customers with an open cart accept often, others seldom: the model finds out.
func TestLearns(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	m := New(Start{Propensity: 0.1})
	for range 4000 {
		open := r.Float64() < 0.3
		age := r.Float64() * 100
		p := 0.05
		if open {
			p = 0.4
		}
		if age > 80 {
			p /= 2
		}
		m.Learn(Features{Symbol("cart", strconv.FormatBool(open)), Number("age", age), Number("noise", r.NormFloat64())}, r.Float64() < p)
	}
	young, old := m.Estimate(Features{Symbol("cart", "true"), Number("age", 40)}),
		m.Estimate(Features{Symbol("cart", "false"), Number("age", 90)})
	if young.Propensity < 0.32 || young.Propensity > 0.48 || old.Propensity > 0.06 || young.Performance < 0.65 {
		t.Errorf("got %+v and %+v", young, old)
	}
	data, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var again Model
	if err := again.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	if got := NewSet(&again).Prepare(Features{Symbol("cart", "true"), Number("age", 40)}).Estimate(0); got != young {
		t.Errorf("read back: %+v, was %+v", got, young)
	}
	if got := m.Explain(Features{Symbol("cart", "true")}); len(got) != 3 || got[0].Predictor != "cart" {
		t.Errorf("explained by %+v", got)
	}
}

// A set that follows another says the same as one made again, also of models that came, learned or were replaced.
func TestNextSet(t *testing.T) {
	t.Parallel()
	models := []*Model{taught(1, 6, 80), taught(2, 8, 80), taught(3, 6, 80)}
	before := NewSet(models...)
	f := customer(rand.New(rand.NewPCG(1, 1)), 10)
	was := before.Prepare(f).Estimate(1)
	models[0].Learn(Features{Number("something new", 4)}, true)
	models[1] = taught(9, 10, 80)
	models = append(models, New(Start{}))
	after, anew := before.Next(models...), NewSet(models...)
	for i := range models {
		if got, want := after.Prepare(f).Estimate(i), anew.Prepare(f).Estimate(i); got != want {
			t.Errorf("model %d says %+v, made anew %+v", i, got, want)
		}
	}
	if after.models[2] != before.models[2] || before.Prepare(f).Estimate(1) != was || before.Len() != 3 {
		t.Error("what did not change was made again, or the set before changed")
	}
}
