package decisioning

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/decisioning/propensity"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

var testChannels = []channel.Spec{
	{Name: "email", Address: "email"},
	{Name: "push", Address: "push_token"},
	{Name: "app"},
	{Name: "log", Any: true},
}

// said is a message with treatments.
func said(name string, channels ...string) *journey.Message {
	m := &journey.Message{Name: name, Treatments: map[string]journey.Treatment{}}
	for _, c := range channels {
		m.Treatments[c] = journey.Treatment{"body": "x"}
	}
	return m
}

// act is an action worth 10 that a message on e-mail, push and app goes with.
func act(name string, change ...func(*journey.Action)) *journey.Action {
	a := &journey.Action{Name: name, Message: "m", Value: "10", Propensity: 0.5}
	for _, f := range change {
		f(a)
	}
	return a
}

// before makes a standing and a question of actions.
func before(t *testing.T, policy *journey.Policy, actions ...*journey.Action) (CustomerContext, Question) {
	t.Helper()
	rules := journey.Rules{Actions: map[string]*journey.Action{}, Policy: policy}
	for _, a := range actions {
		rules.Actions[a.Name] = a
	}
	book, err := journey.NewRulebook(rules)
	if err != nil {
		t.Fatal(err)
	}
	traits := map[string]any{"email": "a@example.com", "push_token": "t", "mrr": 100.0, "vip": true}
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	return CustomerContext{
		Customer: "ana", Traits: traits, Rules: book, Now: now, Contacted: func(journey.Limit) int { return 0 },
		Scope: journey.NewScope(expr.Vars{Customer: traits, Intent: map[string]float64{"churn": 0.8}, Now: now}),
		Content: &journey.Content{
			Messages: map[string]*journey.Message{"m": said("m", "email", "push", "app"), "mail": said("mail", "email")},
		},
	}, Question{Actions: actions, Channels: testChannels}
}

// won says in a line what was decided.
func won(d Decision) string {
	if len(d.Chosen) == 0 {
		return "nothing: " + d.Reason
	}
	out := ""
	for _, at := range d.Chosen {
		c := d.Candidates[at]
		out += fmt.Sprintf("%s by %s at %.4g;", c.Action, c.Channel, c.Priority)
	}
	return out
}

func TestArbitrate(t *testing.T) {
	t.Parallel()
	set := func(f func(*journey.Action)) func(*journey.Action) { return f }
	value := func(e expr.Expr) func(*journey.Action) { return set(func(a *journey.Action) { a.Value = e }) }
	for _, c := range []struct {
		name    string
		actions []*journey.Action
		policy  *journey.Policy
		change  func(*CustomerContext, *Question)
		want    string
	}{
		{"of equals the first", []*journey.Action{act("b"), act("a")}, nil, nil, "b by email at 5;"},
		{"propensity", []*journey.Action{act("a"), act("b", func(a *journey.Action) { a.Propensity = 0.6 })}, nil, nil, "b by email at 6;"},
		{"value", []*journey.Action{act("a"), act("b", value("customer.mrr * 0.3"))}, nil, nil, "b by email at 15;"},
		{"cost", []*journey.Action{act("a", func(a *journey.Action) { a.Cost = "4" }), act("b", value("8"))}, nil, nil, "b by email at 4;"},
		{"lever", []*journey.Action{act("a"), act("b", func(a *journey.Action) { a.Lever = "1.2" })}, nil, nil, "b by email at 6;"},
		{"context weights multiply", []*journey.Action{act("a"), act("b", func(a *journey.Action) {
			a.Context = []journey.ContextWeight{{When: "intent.churn > 0.6", Weight: 2}, {When: "customer.vip", Weight: 3},
				{When: "customer.nobody", Weight: 100}}
		})}, nil, nil, "b by email at 30;"},
		{"a context weight may make it smaller", []*journey.Action{act("a",
			func(a *journey.Action) { a.Context = []journey.ContextWeight{{When: "customer.vip", Weight: 0.5}} }), act("b")}, nil, nil,
			"b by email at 5;"},
		{"nothing is worth less than nothing", []*journey.Action{act("a", func(a *journey.Action) { a.Cost = "10" })}, nil, nil,
			"nothing: NO_VALUE"},
		{"a missing value is 0", []*journey.Action{act("a", value("customer.nothing"))}, nil, nil, "nothing: NO_VALUE"},
		{"what is no number is 0", []*journey.Action{act("a", value("1.0 / 0.0"))}, nil, nil, "nothing: NO_VALUE"},
		{"a lever of 0", []*journey.Action{act("a", func(a *journey.Action) { a.Lever = "0" }), act("b", value("1"))}, nil, nil,
			"b by email at 0.5;"},
		{"not eligible", []*journey.Action{act("a", func(a *journey.Action) { a.Eligible = "customer.mrr > 100" })}, nil, nil,
			"nothing: NOT_ELIGIBLE"},
		{"not applicable", []*journey.Action{act("a", func(a *journey.Action) { a.Applicable = "intent.churn > 0.9" })}, nil, nil,
			"nothing: NOT_APPLICABLE"},
		{"not suitable", []*journey.Action{act("a", func(a *journey.Action) { a.Suitable = "intent.churn < 0.6" })}, nil, nil,
			"nothing: NOT_SUITABLE"},
		{"an error is no", []*journey.Action{act("a", func(a *journey.Action) { a.Eligible = "customer.nothing > 1" })}, nil, nil,
			"nothing: NOT_ELIGIBLE"},
		{"the reason of what came furthest", []*journey.Action{
			act("a", func(a *journey.Action) { a.Eligible = "false" }), act("b", func(a *journey.Action) { a.Suitable = "false" }),
			act("c", func(a *journey.Action) { a.Applicable = "false" }),
		}, nil, nil, "nothing: NOT_SUITABLE"},
		{"the policy", []*journey.Action{act("a")}, &journey.Policy{Consent: map[string]expr.Expr{"marketing": "false"}}, nil,
			"nothing: NO_CONSENT"},
		{"a reason of the policy's own", []*journey.Action{act("a")},
			&journey.Policy{Suppress: []journey.Suppression{{When: "intent.churn > 0.6", Reason: "UPSET"}}}, nil, "nothing: UPSET"},
		{"one channel is refused", []*journey.Action{act("a")}, &journey.Policy{Consent: map[string]expr.Expr{"email": "false"}}, nil,
			"a by push at 5;"},
		{"quiet hours drop it", []*journey.Action{act("a")},
			&journey.Policy{QuietHours: &journey.QuietHours{From: "11:00", To: "13:00", OnBlocked: journey.Queue}}, nil,
			"nothing: QUIET_HOURS"},
		{"a limit", []*journey.Action{act("a")}, &journey.Policy{Limits: []journey.Limit{{Channel: "email", Max: 1, Per: time.Hour}}},
			func(st *CustomerContext, _ *Question) { st.Contacted = func(journey.Limit) int { return 1 } }, "a by push at 5;"},
		{"its own channels, in its own order", []*journey.Action{act("a", func(a *journey.Action) { a.Via = []string{"app", "push"} })},
			nil, nil, "a by app at 5;"},
		{"the question narrows", []*journey.Action{act("a"), act("b", func(a *journey.Action) { a.Message, a.Value = "mail", "90" })}, nil,
			func(_ *CustomerContext, q *Question) { q.Via = []string{"push", "app"} }, "a by push at 5;"},
		{"no channel is left", []*journey.Action{act("a", func(a *journey.Action) { a.Via = []string{"email"} })}, nil,
			func(_ *CustomerContext, q *Question) { q.Via = []string{"push"} }, "nothing: NO_TREATMENT"},
		{"no address", []*journey.Action{act("a", func(a *journey.Action) { a.Message = "mail" })}, nil,
			func(st *CustomerContext, _ *Question) { delete(st.Traits, "email") }, "nothing: NO_ADDRESS"},
		{"of channels the one that came furthest", []*journey.Action{act("a",
			func(a *journey.Action) { a.Via = []string{"push", "email"} })},
			&journey.Policy{Limits: []journey.Limit{{Max: 1, Per: time.Hour}}}, func(st *CustomerContext, _ *Question) {
				delete(st.Traits, "push_token")
				st.Contacted = func(journey.Limit) int { return 1 }
			}, "nothing: CAP_REACHED"},
		{"without a message it cannot be sent", []*journey.Action{act("a", func(a *journey.Action) { a.Message = "" })}, nil, nil,
			"nothing: NO_TREATMENT"},
		{"without a message it can be chosen", []*journey.Action{act("a", func(a *journey.Action) { a.Message = "" })}, nil,
			func(_ *CustomerContext, q *Question) { q.Choose = true }, "a by  at 5;"},
		{"none are there", nil, nil, nil, "nothing: NO_ACTION"},
		{"who is present needs no address, and no hour is quiet", []*journey.Action{act("a")},
			&journey.Policy{QuietHours: &journey.QuietHours{From: "11:00", To: "13:00"}},
			func(st *CustomerContext, q *Question) { st.Present, q.Via = true, []string{"phone"}; clear(st.Traits) }, "a by phone at 5;"},
		{"who is present at an address is shown what there is for it",
			[]*journey.Action{act("a", func(a *journey.Action) { a.Message = "mail" })}, nil,
			func(st *CustomerContext, q *Question) { st.Present, q.Via = true, []string{"push"} }, "nothing: NO_TREATMENT"},
		{"slots take different actions", []*journey.Action{act("a"), act("b", value("20")), act("c", value("1"))}, nil,
			func(_ *CustomerContext, q *Question) { q.Slots = 2 }, "b by email at 10;a by email at 5;"},
		{"what a slot takes counts for the next", []*journey.Action{act("a"), act("b"), act("c")},
			&journey.Policy{Limits: []journey.Limit{{Channel: "email", Max: 1, Per: time.Hour}, {Max: 2, Per: time.Hour}}},
			func(_ *CustomerContext, q *Question) { q.Slots = 3 }, "a by email at 5;b by push at 5;"},
		{"by propensity alone", []*journey.Action{act("a", value("100")), act("b", func(a *journey.Action) { a.Propensity = 0.6 })}, nil,
			func(_ *CustomerContext, q *Question) { q.Control = journey.ControlPropensityOnly }, "b by email at 6;"},
		{"without levers", []*journey.Action{act("a", func(a *journey.Action) { a.Lever = "5" }), act("b", value("11"))}, nil,
			func(_ *CustomerContext, q *Question) { q.Control = journey.ControlNoLevers }, "b by email at 5.5;"},
		{"by eligibility only", []*journey.Action{act("a"),
			act("b", func(a *journey.Action) { a.Applicable, a.Suitable, a.Value = "false", "false", "20" }),
			act("c", func(a *journey.Action) { a.Eligible, a.Value = "false", "30" })}, nil,
			func(_ *CustomerContext, q *Question) { q.Control = journey.ControlEligibilityOnly }, "b by email at 10;"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			st, q := before(t, c.policy, c.actions...)
			if c.change != nil {
				c.change(&st, &q)
			}
			d := Arbitrate(st, q)
			if got := won(d); got != c.want {
				t.Errorf("got %q, want %q: %+v", got, c.want, d.Candidates)
			}
			for _, one := range d.Candidates {
				if (one.Stage == StageChosen) != (one.Reason == "") {
					t.Errorf("%s by %s was at %s with the reason %q", one.Action, one.Channel, one.Stage, one.Reason)
				}
			}
		})
	}
}

// Each candidate says where it was dropped, and why.
func TestDecisionTrace(t *testing.T) {
	t.Parallel()
	st, q := before(
		t,
		&journey.Policy{Consent: map[string]expr.Expr{"push": "false"}},
		act("a", func(a *journey.Action) { a.Eligible = "false" }),
		act("b"),
		act("c", func(a *journey.Action) { a.Message, a.Cost = "mail", "10" }),
	)
	q.Estimate = func(a *journey.Action, channel string) propensity.Estimate {
		return propensity.Estimate{Propensity: map[string]float64{"email": 0.1, "app": 0.2}[channel], Evidence: 30, Positives: 3}
	}
	var got []string
	for _, c := range Arbitrate(st, q).Candidates {
		got = append(
			got,
			fmt.Sprintf(
				"%s %s %s %s %g×%g×%g×%g=%g of %g",
				c.Action,
				c.Channel,
				c.Stage,
				c.Reason,
				c.P,
				c.C,
				c.V,
				c.L,
				c.Priority,
				c.Evidence,
			),
		)
	}
	want := []string{
		"a  eligible NOT_ELIGIBLE 0×1×0×1=0 of 0",
		"b email arbitration LOWER_PRIORITY 0.1×1×10×1=1 of 30",
		"b push policy NO_CONSENT 0×1×0×1=0 of 0",
		"b app chosen  0.2×1×10×1=2 of 30",
		"c email arbitration NO_VALUE 0.1×1×0×1=0 of 30",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestExplore(t *testing.T) {
	t.Parallel()
	known := map[string]propensity.Estimate{
		"old":   {Propensity: 0.1, Evidence: 5000, Positives: 500},
		"young": {Propensity: 0.5, Evidence: 2},
		"other": {Propensity: 0.5, Evidence: 2},
	}
	share := func(t *testing.T, ramp bool, names ...string) map[string]float64 {
		var actions []*journey.Action
		for _, n := range names {
			actions = append(actions, act(n, func(a *journey.Action) { a.Message = "mail" }))
		}
		st, q := before(t, nil, actions...)
		q.Explore, q.Ramp = true, ramp
		q.Estimate = func(a *journey.Action, _ string) propensity.Estimate { return known[a.Name] }
		out := map[string]float64{}
		const n = 4000
		for i := range n {
			q.Random = rand.New(rand.NewPCG(1, uint64(i)))
			d := Arbitrate(st, q)
			if len(d.Chosen) == 0 {
				out[""]++
				continue
			}
			out[d.Candidates[d.Chosen[0]].Action] += 1.0 / n
		}
		return out
	}
	near := func(t *testing.T, got, want, off float64) {
		t.Helper()
		if math.Abs(got-want) > off {
			t.Errorf("got %.3f, want %.3f ± %.3f", got, want, off)
		}
	}
	t.Run("on the ramp a young action is kept back", func(t *testing.T) {
		t.Parallel()
		near(t, share(t, true, "old", "young")["young"], 0.02*0.9, 0.01)
	})
	t.Run("where the customer is present there is no ramp", func(t *testing.T) {
		t.Parallel()
		near(t, share(t, false, "old", "young")["young"], 0.9, 0.05)
	})
	t.Run("a single young action is chosen", func(t *testing.T) {
		t.Parallel()
		near(t, share(t, true, "young")["young"], 1, 1e-9)
	})
	t.Run("young ones compete among themselves", func(t *testing.T) {
		t.Parallel()
		near(t, share(t, true, "young", "other")["young"], 0.5, 0.03)
	})
	t.Run("at random, each alike", func(t *testing.T) {
		t.Parallel()
		st, q := before(
			t,
			nil,
			act("a", func(a *journey.Action) { a.Message, a.Value = "mail", "100" }),
			act("b", func(a *journey.Action) { a.Message = "mail" }),
		)
		q.Control = journey.ControlRandom
		n := 0.0
		for i := range 2000 {
			q.Random = rand.New(rand.NewPCG(2, uint64(i)))
			if d := Arbitrate(st, q); d.Candidates[d.Chosen[0]].Action == "b" {
				n++
			}
		}
		near(t, n/2000, 0.5, 0.04)
	})
}

func TestControlGroup(t *testing.T) {
	t.Parallel()
	policy := &journey.Policy{ControlGroups: map[string]float64{journey.ControlRandom: 10, journey.ControlNoLevers: 5}}
	counts := map[string]float64{}
	for i := range 10000 {
		customer := fmt.Sprint("c", i)
		group := ControlGroup(policy, customer)
		if group != ControlGroup(policy, customer) {
			t.Fatal("a control group is for ever")
		}
		counts[group] += 0.01
	}
	for name, want := range map[string]float64{"": 85, journey.ControlRandom: 10, journey.ControlNoLevers: 5} {
		if math.Abs(counts[name]-want) > 1 {
			t.Errorf("%q has %.1f %%, want %g", name, counts[name], want)
		}
	}
	if got := ControlGroup(nil, "ana"); got != "" {
		t.Errorf("without a policy there is %q", got)
	}
}

// Values and weights beyond all measure stay numbers that a trace and a report can hold.
func TestFactorsAreBounded(t *testing.T) {
	t.Parallel()
	for n, want := range map[float64]float64{1e200: 1e12, -1e200: -1e12, 3: 3, math.Inf(1): 0, math.NaN(): 0} {
		if got := bounded(n); got != want {
			t.Errorf("%v: %v, want %v", n, got, want)
		}
	}
}
