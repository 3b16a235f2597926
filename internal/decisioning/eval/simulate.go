package eval

import (
	"math"
	"math/rand/v2"

	"github.com/tabi-journeys/tabi/internal/decisioning/propensity"
	"github.com/tabi-journeys/tabi/internal/stats"
)

// World is a simulated world whose truth is known. Customers come one by one, each is offered one action, and accepts
// it with a probability that depends on the customer and drifts. Midway an action appears that is the best for some
// customers.
type World struct {
	Seed      uint64
	Decisions int // default 40,000
}

const (
	oldActions = 6
	newAction  = oldActions // its number
	plans      = 3
	batch      = 100 // decisions between two updates of the models, as in production
)

// taste is what makes customers accept an action, in log-odds.
type taste struct {
	base, plan0, plan1, plan2, age, visits, swing, phase float64
}

type person struct {
	plan   int
	age    float64 // 18…80
	visits float64 // 0…
}

func (p person) features(r *rand.Rand) propensity.Features {
	return propensity.Features{
		propensity.Symbol("plan", [plans]string{"free", "basic", "pro"}[p.plan]),
		propensity.Number("age", p.age), propensity.Number("visits", p.visits),
		propensity.Number("of no use", r.NormFloat64()), propensity.Symbol("nor this", string(rune('a'+r.IntN(5)))),
	}
}

// chance returns the true probability at this part (0…1) of the run.
func (t taste) chance(p person, part float64) float64 {
	z := t.base + [plans]float64{t.plan0, t.plan1, t.plan2}[p.plan] + t.age*(p.age-49)/18 + t.visits*(math.Log1p(p.visits)-1)
	return 1 / (1 + math.Exp(-z-t.swing*math.Sin(2*math.Pi*(part+t.phase))))
}

// cell returns the kind of customer that a fixed policy can distinguish.
func (p person) cell() int {
	band := func(x float64, cuts ...float64) int {
		n := 0
		for _, c := range cuts {
			if x > c {
				n++
			}
		}
		return n
	}
	return (p.plan*4+band(p.age, 33, 49, 65))*3 + band(p.visits, 1, 3)
}

// Run is the course of a simulation.
type Run struct {
	Regret     []float64 // after each decision, acceptances expected by the best fixed policy less those expected of what was offered
	Offers     [][]int   // by twentieth of the run and action
	Ideal      []float64 // share of each action in the second half, had the truth been known
	Chances    []float64 // of what was offered after half of the outcomes, as foretold
	Accepted   []bool    // and what came of it
	Rate, Best float64   // acceptances expected per decision: of what was offered, of the best fixed policy
}

const parts = 20

// Simulate lets the models learn from nothing, by Thompson sampling with the ramp for new actions, as decisions do.
func Simulate(w World) *Run {
	if w.Decisions <= 0 {
		w.Decisions = 40000
	}
	r := rand.New(rand.NewPCG(w.Seed, 7))
	tastes := make([]taste, oldActions+1)
	for k := range tastes {
		n := func(sd float64) float64 { return sd * r.NormFloat64() }
		tastes[k] = taste{-2 + n(0.4), n(0.6), n(0.6), n(0.6), n(0.5), n(0.5), 0.3, r.Float64()}
	}
	tastes[newAction] = taste{base: -1.8, plan2: 1.5, age: 0.3, swing: 0.3}
	people := make([]person, w.Decisions)
	for i := range people {
		people[i] = person{r.IntN(plans), 18 + 62*r.Float64(), math.Floor(3 * r.ExpFloat64())}
	}
	fixed := bestFixed(tastes, people)

	run := &Run{Offers: make([][]int, parts), Ideal: make([]float64, len(tastes)), Regret: make([]float64, w.Decisions)}
	var models []*propensity.Model
	var set *propensity.Set
	var regret float64
	for i, who := range people {
		part, half := float64(i)/float64(w.Decisions), 2*i/w.Decisions
		for len(models) < oldActions+half {
			models, set = append(models, propensity.New(propensity.Start{Propensity: 0.1})), nil
		}
		if set == nil || i%batch == 0 {
			set = propensity.NewSet(models...)
		}
		f := who.features(r)
		offer, foretold := choose(set, f, r)
		truth := tastes[offer].chance(who, part)
		accepted := r.Float64() < truth
		models[offer].Learn(f, accepted)

		best := tastes[fixed[half][who.cell()]].chance(who, part)
		regret += best - truth
		run.Regret[i] = regret
		run.Rate += truth / float64(w.Decisions)
		run.Best += best / float64(w.Decisions)
		bin := i * parts / w.Decisions
		if run.Offers[bin] == nil {
			run.Offers[bin] = make([]int, len(tastes))
		}
		run.Offers[bin][offer]++
		if half == 1 {
			run.Chances, run.Accepted = append(run.Chances, foretold), append(run.Accepted, accepted)
			run.Ideal[bestNow(tastes, who, part)] += 2 / float64(w.Decisions)
		}
	}
	return run
}

// choose samples among the actions whose ramp admits this customer; if none does, among all.
func choose(set *propensity.Set, f propensity.Features, r *rand.Rand) (int, float64) {
	at, most, foretold, through := 0, -1.0, 0.0, false
	p := set.Prepare(f)
	for k := range set.Len() {
		e := p.Estimate(k)
		in := r.Float64() < propensity.Ramp(e.Positives)
		if drawn := e.Sample(r); in && !through || in == through && drawn > most {
			at, most, foretold, through = k, drawn, e.Propensity, in
		}
	}
	return at, foretold
}

// bestFixed returns the best policy in hindsight among those that give each kind of customer always the same action,
// before and after the new action appears.
func bestFixed(tastes []taste, people []person) [2]map[int]int {
	var out [2]map[int]int
	for half := range out {
		sums := map[int][]float64{}
		for i := half * len(people) / 2; i < (half+1)*len(people)/2; i++ {
			cell := people[i].cell()
			if sums[cell] == nil {
				sums[cell] = make([]float64, oldActions+half)
			}
			for k := range sums[cell] {
				sums[cell][k] += tastes[k].chance(people[i], float64(i)/float64(len(people)))
			}
		}
		out[half] = map[int]int{}
		for cell, s := range sums {
			out[half][cell] = top(s)
		}
	}
	return out
}

func bestNow(tastes []taste, who person, part float64) int {
	chances := make([]float64, len(tastes))
	for k := range tastes {
		chances[k] = tastes[k].chance(who, part)
	}
	return top(chances)
}

// Summary is a run in figures.
type Summary struct {
	Decisions        int     `json:"decisions"`
	Rate             float64 `json:"rate"`
	BestFixed        float64 `json:"best_fixed"`
	Regret           float64 `json:"regret"`
	Slope            float64 `json:"slope"` // of log regret over log decisions, after the first fortieth of the run; below 1 is sublinear
	NewFirst         float64 `json:"new_first"`
	NewLast          float64 `json:"new_last"`
	NewIdeal         float64 `json:"new_ideal"`
	Calibrated       int     `json:"calibrated"` // outcomes learned before the calibration is looked at
	CalibrationError float64 `json:"calibration_error"`
}

// Summary returns in figures what the plots show.
func (r *Run) Summary() Summary {
	_, ece := stats.Reliability(r.Chances, r.Accepted, 10)
	n := len(r.Regret)
	share := func(part int) float64 {
		all := 0
		for _, c := range r.Offers[part] {
			all += c
		}
		return float64(r.Offers[part][newAction]) / float64(all)
	}
	return Summary{
		Decisions: n, Rate: r.Rate, BestFixed: r.Best, Regret: r.Regret[n-1], Slope: slope(r.Regret, n/40),
		NewFirst: share(parts / 2), NewLast: share(parts - 1), NewIdeal: r.Ideal[newAction],
		Calibrated: n - len(r.Chances), CalibrationError: ece,
	}
}

// slope returns the slope of log y over log x by least squares, at points that are even in log x.
func slope(y []float64, from int) float64 {
	var n, sx, sy, sxx, sxy float64
	for x := float64(max(from, 10)); int(x) < len(y); x *= 1.05 {
		v := y[int(x)]
		if v <= 0 {
			continue
		}
		a, b := math.Log(x), math.Log(v)
		n, sx, sy, sxx, sxy = n+1, sx+a, sy+b, sxx+a*a, sxy+a*b
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}
