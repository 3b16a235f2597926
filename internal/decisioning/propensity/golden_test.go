package propensity

import (
	"math"
	"math/rand/v2"
	"testing"
)

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > within {
		t.Errorf("%s is %.6f, want %.6f", what, got, want)
	}
}

// By hand: a bin with 20 acceptances and 60 refusals, of 4 bins, in a model of 50 and 150:
// ln(20.25) − ln(60.25) − ln(51) + ln(151) = 3.008155 − 4.098503 − 3.931826 + 5.017280.
func TestContribution(t *testing.T) {
	t.Parallel()
	prior := math.Log(1+150.0) - math.Log(1+50.0)
	near(t, "an average bin", contribution(20, 60, 4, prior), -0.004894, 1e-6)
	near(t, "an empty bin", contribution(0, 0, 4, prior), 1.085454, 1e-6) // ln(151/51)
	near(t, "a good bin", contribution(30, 10, 4, prior), 2.167673, 1e-6) // ln(30.25/10.25) = 1.082218, and the above
}

// Two names, nothing missing: the sums of Pega's formula, computed by hand from the counts.
func TestNaiveBayesByHand(t *testing.T) {
	t.Parallel()
	m := New(Start{HalfLife: math.Inf(1)})
	for i := range 80 { // gold: 30 of 40 accept; tin: 10 of 40
		name, yes := "gold", i%4 != 0
		if i%2 == 1 {
			name, yes = "tin", i%4 == 1 && i%8 == 1
		}
		m.Learn(Features{Symbol("tier", name)}, yes)
	}
	m.refresh()
	s := m.sums()
	p := &m.predictors[0]
	gold := p.find(value{name: "tier", hash: hash("gold")})
	if gold.pos+gold.neg != 40 || m.pos+m.neg != 80 || !p.active {
		t.Fatalf("counted %+v of %v and %v, active %v", gold, m.pos, m.neg, p.active)
	}
	// nBins is 4: two names, rare names, missing. Pega divides the sum by 1 + one active predictor.
	pos, neg := float64(gold.pos), float64(gold.neg)
	byHand := math.Log(pos+0.25) - math.Log(neg+0.25) - math.Log(1+float64(m.pos)) + math.Log(1+float64(m.neg))
	want := bayesShare*byHand/2 + (1-bayesShare)*float64(gold.weight.mean)
	near(t, "what gold says", float64(m.says(p, gold, 0, &s)), want, 1e-6)
	base := bayesShare*(math.Log(1+float64(m.pos))-math.Log(1+float64(m.neg)))/2 + (1-bayesShare)*float64(m.bias.mean)
	near(t, "base", m.Base(), base, 1e-9)
}

// With Pega's 0.5 for a belief (a flat trend of weight 1) a block's value is (0.5 + pos) / (1 + pos + neg), and
// pooling makes it rise.
func TestPoolByHand(t *testing.T) {
	t.Parallel()
	flat := trend{weight: 1}
	got := pool([]block{{1, 9, -2}, {4, 6, -1}, {2, 8, 0}, {6, 4, 1}}, flat)
	want := []block{{1, 9, -2}, {6, 14, -0.5}, {6, 4, 1}}
	if len(got) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i, v := range []float64{1.5 / 11, 6.5 / 21, 6.5 / 11} {
		if got[i] != want[i] {
			t.Errorf("block %d is %+v, want %+v", i, got[i], want[i])
		}
		near(t, "its value", flat.value(got[i]), v, 1e-12)
	}
	near(t, "an empty block", flat.value(block{}), 0.5, 0)
}

func TestEmptyModel(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		start            Start
		propensity, base float64
	}{
		{Start{}, 0.5, 2}, {Start{Propensity: 0.05}, 0.05, 2}, {Start{Propensity: 0.05, Evidence: 40}, 0.05, 40},
		{Start{Propensity: 7, Evidence: -1}, 0.5, 2}, {Start{Propensity: math.NaN(), Evidence: math.NaN(), HalfLife: math.NaN()}, 0.5, 2},
	} {
		e := New(c.start).Estimate(Features{Number("age", 3)})
		near(t, "propensity", e.Propensity, c.propensity, 1e-12)
		near(t, "evidence", e.Evidence, c.base, 0)
		near(t, "performance", e.Performance, 0.5, 0)
	}
}

func TestRamp(t *testing.T) {
	t.Parallel()
	for positives, want := range map[float64]float64{-1: 0.02, 0: 0.02, 100: 0.51, 200: 1, 5000: 1, math.Inf(1): 1} {
		near(t, "ramp", Ramp(positives), want, 1e-12)
	}
	near(t, "ramp of nothing known", Ramp(math.NaN()), 0.02, 0)
}

// Draws have the mean and variance of Beta(p·n, (1−p)·n).
func TestSample(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for _, e := range []Estimate{{Propensity: 0.3, Evidence: 2}, {Propensity: 0.05, Evidence: 40}, {Propensity: 0.9, Evidence: 0.5},
		{Propensity: 0.5, Evidence: 1000}} {
		const n = 40000
		var sum, squares float64
		for range n {
			x := e.Sample(r)
			sum, squares = sum+x, squares+x*x
		}
		mean := sum / n
		variance := e.Propensity * (1 - e.Propensity) / (e.Evidence + 1)
		near(t, "mean", mean, e.Propensity, 4*math.Sqrt(variance/n))
		near(t, "variance", squares/n-mean*mean, variance, 0.05*variance)
	}
	for _, e := range []Estimate{{}, {Propensity: 1, Evidence: 1e-300}, {Propensity: 0, Evidence: 1e300},
		{Propensity: math.NaN(), Evidence: math.NaN()}, {Propensity: 1, Evidence: math.Inf(1)}} {
		for range 100 {
			if x := e.Sample(r); !(x > 0 && x < 1) {
				t.Fatalf("%+v gave %v", e, x)
			}
		}
	}
}
