package eval

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/tabi-journeys/tabi/internal/decisioning/propensity"
)

// Trial is a table of customers who were each given one action at random, with the outcome.
type Trial struct {
	Table   *Table
	Action  string   // column: the action given
	Outcome string   // column: whether the customer answered
	Without []string // columns not to predict from, besides those two
	None    string   // the action that means doing nothing, which costs nothing; empty: there is none
	Value   float64  // of an answer
	Cost    float64  // of an action that is not None
	Folds   int      // each is decided by models trained on the others
	Rounds  int      // bootstrap rounds
	Seed    uint64
	Start   propensity.Start
}

// Interval is an estimate with the middle 95 % of its bootstrap distribution.
type Interval struct {
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Verdict is the value of a policy on customers that it was not trained on.
type Verdict struct {
	Policy string             `json:"policy"`
	Share  map[string]float64 `json:"share"` // of customers, by action
	Rate   Interval           `json:"rate"`  // of answers
	Net    Interval           `json:"net"`   // value of answers less cost of actions, per customer
	// RateGain and NetGain are relative to the best single action, on the same customers; nil for single actions.
	RateGain *Interval `json:"rate_gain,omitempty"`
	NetGain  *Interval `json:"net_gain,omitempty"`
}

// Result is the result of a trial.
type Result struct {
	Customers int       `json:"customers"`
	Actions   []string  `json:"actions"`   // sorted
	BestRate  string    `json:"best_rate"` // the single action with the highest rate
	BestNet   string    `json:"best_net"`  // the single action with the highest net value
	Policies  []Verdict `json:"policies"`
}

// Run learns the policies and values them by self-normalized inverse propensity scoring: a customer counts for a
// policy if the random assignment matches the policy's choice, weighted by one over its probability. The
// probabilities are the actions' shares of all customers, which is right only if actions were assigned at random.
func (t Trial) Run() (*Result, error) {
	action, err := t.Table.Column(t.Action)
	if err != nil {
		return nil, err
	}
	yes, err := t.Table.Outcomes(t.Outcome)
	if err != nil {
		return nil, err
	}
	from, err := t.Table.Predictors(append([]string{t.Action, t.Outcome}, t.Without...)...)
	if err != nil {
		return nil, err
	}
	arms := slices.Compact(slices.Sorted(slices.Values(action.Texts)))
	switch {
	case len(arms) < 2 || len(arms) > 50:
		return nil, fmt.Errorf("column %q has %d different values: it should name 2 to 50 actions", t.Action, len(arms))
	case t.None != "" && !slices.Contains(arms, t.None):
		return nil, fmt.Errorf(
			"no customer has %q in column %q: the action that is doing nothing must be one of %q",
			t.None,
			t.Action,
			arms,
		)
	}
	given := make([]int, t.Table.Rows)
	share := make([]float64, len(arms))
	for i, a := range action.Texts {
		given[i], _ = slices.BinarySearch(arms, a)
		share[given[i]] += 1 / float64(t.Table.Rows)
	}
	cost := make([]float64, len(arms))
	for k, a := range arms {
		if a != t.None {
			cost[k] = t.Cost
		}
	}
	chances := t.foretell(from, yes, given, len(arms))

	chosen := make([][]int, len(arms)+2)
	for p := range chosen {
		chosen[p] = make([]int, t.Table.Rows)
		for i := range chosen[p] {
			switch p {
			case len(arms): // the action that the customer answers most
				chosen[p][i] = best(chances[i], func(c float64, _ int) float64 { return c })
			case len(arms) + 1: // the action that is worth most after its cost
				chosen[p][i] = best(chances[i], func(c float64, k int) float64 { return c*t.Value - cost[k] })
			default:
				chosen[p][i] = p
			}
		}
	}
	w := weighing{given, yes, share, cost, t.Value}
	return t.judge(arms, chosen, w), nil
}

func best(chances []float64, worth func(float64, int) float64) int {
	at, most := 0, math.Inf(-1)
	for k, c := range chances {
		if v := worth(c, k); v > most {
			at, most = k, v
		}
	}
	return at
}

// foretell returns each customer's probability of answering to each action, by models that have not seen the
// customer.
func (t Trial) foretell(from []*Column, yes []bool, given []int, arms int) [][]float64 {
	out := make([][]float64, len(yes))
	for fold := range t.Folds {
		models := make([]*propensity.Model, arms)
		for k := range models {
			models[k] = propensity.New(t.Start)
		}
		for i := range yes {
			if t.fold(i) != fold {
				models[given[i]].Learn(features(from, i), yes[i])
			}
		}
		set := propensity.NewSet(models...)
		for i := range yes {
			if t.fold(i) == fold {
				p := set.Prepare(features(from, i))
				for k := range arms {
					out[i] = append(out[i], p.Estimate(k).Propensity)
				}
			}
		}
	}
	return out
}

// fold returns the fold of a row, by a hash, so that the order of the file does not matter.
func (t Trial) fold(row int) int {
	h := (uint64(row) + t.Seed + 1) * 0x9e3779b97f4a7c15
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	h ^= h >> 32
	return int(h % uint64(t.Folds))
}

// weighing is the data that a policy is valued on.
type weighing struct {
	given       []int
	yes         []bool
	share, cost []float64
	value       float64
}

// weigh returns the rate and the net value of each policy over these rows.
func (w weighing) weigh(chosen [][]int, rows []int) (rates, nets []float64) {
	for _, c := range chosen {
		var all, answers, costs float64
		for _, i := range rows {
			if c[i] != w.given[i] {
				continue
			}
			weight := 1 / w.share[c[i]]
			all += weight
			costs += weight * w.cost[c[i]]
			if w.yes[i] {
				answers += weight
			}
		}
		all = max(all, 1e-12)
		rates = append(rates, answers/all)
		nets = append(nets, (answers*w.value-costs)/all)
	}
	return rates, nets
}

func (t Trial) judge(arms []string, chosen [][]int, w weighing) *Result {
	rows := make([]int, len(w.yes))
	for i := range rows {
		rows[i] = i
	}
	rates, nets := w.weigh(chosen, rows)
	topRate, topNet := top(rates[:len(arms)]), top(nets[:len(arms)])
	bootRates, bootNets := make([][]float64, t.Rounds), make([][]float64, t.Rounds)
	r := rand.New(rand.NewPCG(t.Seed, 1))
	again := make([]int, len(rows))
	for round := range t.Rounds {
		for i := range again {
			again[i] = r.IntN(len(rows))
		}
		bootRates[round], bootNets[round] = w.weigh(chosen, again)
	}
	out := &Result{Customers: len(rows), Actions: arms, BestRate: arms[topRate], BestNet: arms[topNet]}
	names := slices.Concat(arms, []string{"most likely to answer", "worth most after cost"})
	for p, name := range names {
		v := Verdict{Policy: name, Share: map[string]float64{}}
		for _, k := range chosen[p] {
			v.Share[arms[k]] += 1 / float64(len(rows))
		}
		v.Rate = interval(rates[p], bootRates, func(b []float64) float64 { return b[p] })
		v.Net = interval(nets[p], bootNets, func(b []float64) float64 { return b[p] })
		if p >= len(arms) {
			rate := interval(rates[p]-rates[topRate], bootRates, func(b []float64) float64 { return b[p] - b[topRate] })
			net := interval(nets[p]-nets[topNet], bootNets, func(b []float64) float64 { return b[p] - b[topNet] })
			v.RateGain, v.NetGain = &rate, &net
		}
		out.Policies = append(out.Policies, v)
	}
	return out
}

func top(v []float64) int {
	at := 0
	for i := range v {
		if v[i] > v[at] {
			at = i
		}
	}
	return at
}

func interval(mean float64, rounds [][]float64, of func([]float64) float64) Interval {
	if len(rounds) == 0 {
		return Interval{mean, mean, mean}
	}
	v := make([]float64, len(rounds))
	for i, b := range rounds {
		v[i] = of(b)
	}
	slices.Sort(v)
	return Interval{mean, v[len(v)*25/1000], v[len(v)-1-len(v)*25/1000]}
}
