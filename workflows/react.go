package workflows

import (
	"encoding/json"
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// react tries the goal, then the exits, then the reroutes. What fires none of them is kept for the arms of a
// wait_for, and for a question.
func (r *run) react(ctx workflow.Context, e contract.Event) error {
	if len(e.Traits) > 0 {
		r.touched = true
	}
	r.stale = r.stale || e.Handoff == "" // scores may have changed
	rules := r.rules(e)
	if len(rules) > 0 {
		i, err := r.first(ctx, r.atHand(e), rules)
		if err != nil {
			return err
		}
		if i >= 0 {
			return r.fire(ctx, r.atHand(e), rules[i])
		}
	}
	r.hand = r.atHand(e)
	if !r.st.Silent && r.awaited(e) {
		r.st.keep(e)
	}
	return nil
}

// atHand is e as expressions see it: nil where it is no event of the customer.
func (r *run) atHand(e contract.Event) *contract.Event {
	if e.Name == contract.IntentChanged || e.Handoff != "" {
		return nil
	}
	return &e
}

// first is the first of the rules that fires, -1 if none does: its condition is true and its level holds.
// Conditions are asked about in one go, levels only where it comes to them.
func (r *run) first(ctx workflow.Context, e *contract.Event, rules []rule) (int, error) {
	exprs := make([]expr.Expr, len(rules))
	for i, rule := range rules {
		exprs[i] = rule.when
	}
	answers, err := r.conditions(ctx, e, exprs)
	if err != nil {
		return -1, err
	}
	asked := false
	for i, rule := range rules {
		switch {
		case !answers[i]:
			continue
		case rule.level == nil:
			return i, nil
		case !asked:
			if err := r.gauge(ctx, true); err != nil {
				return -1, err
			}
			asked = true
		}
		if r.holds[levelWords(rule.level)] {
			return i, nil
		}
	}
	return -1, nil
}

// fire lets an event end the instance, or move it to another path. Either takes the event. e is nil where an
// intent does it without an event.
func (r *run) fire(ctx workflow.Context, e *contract.Event, rule rule) (err error) {
	if rule.path == "" {
		var value float64
		if rule.value != "" {
			if value, err = r.number(ctx, e, rule.value); err != nil {
				return err
			}
		}
		r.end(ctx, rule.outcome, "by "+e.Name, value)
		return nil
	}
	start, ok := r.prog.Start(rule.path)
	if !ok {
		return nil // lint lets no such rule through
	}
	r.jump(start)
	if e != nil {
		r.st.Last = e // the event at hand on the new path
	}
	if !rule.repeat {
		r.st.Rerouted = append(r.st.Rerouted, rule.content)
	}
	by := levelWords(rule.level)
	if rule.level == nil {
		by = clip(e.Name, 80)
	}
	r.st.tell(stamp(r.now(ctx)) + " rerouted to " + rule.path + " by " + by)
	return nil
}

// rule is what an event may fire: a way to end, or, with path, a way elsewhere.
type rule struct {
	when, value expr.Expr
	level       *journey.Level
	outcome     string
	path        string
	repeat      bool
	content     string // names a reroute rule over revisions, which may put it elsewhere
}

// rules are what e may fire, in the order they are tried: the goal, the exits, the reroutes. A score that
// changed without an event of the customer fires reroutes by level alone.
func (r *run) rules(e contract.Event) []rule {
	var rules []rule
	if e.Handoff != "" {
		return nil
	}
	scored := e.Name == contract.IntentChanged
	if g := r.prog.Goal; g != nil && !scored && named(g.Events, e.Name) {
		rules = append(rules, rule{when: g.When, value: g.Value, outcome: contract.Goal})
	}
	if r.st.Silent {
		return rules
	}
	for _, x := range r.prog.Exit {
		if !scored && named(x.Events, e.Name) {
			rules = append(rules, rule{when: x.When, outcome: x.Outcome})
		}
	}
	for _, x := range r.mayReroute() {
		if scored && x.Level != nil && len(x.Events) == 0 || !scored && named(x.Events, e.Name) {
			rules = append(rules, rerouting(x))
		}
	}
	return rules
}

// mayReroute are the reroute rules that are not used up, and lead away from the path it is on.
func (r *run) mayReroute() []journey.RerouteRule {
	at, onPath := r.prog.Index(r.st.Cursor)
	if !onPath || r.in.Holdout || r.st.Silent {
		return nil
	}
	var rules []journey.RerouteRule
	for _, x := range r.prog.Reroute {
		if x.GoTo != r.prog.Steps[at].Path && !slices.Contains(r.st.Rerouted, contentOf(x)) {
			rules = append(rules, x)
		}
	}
	return rules
}

// rerouting is a reroute rule as one of the rules that fire.
func rerouting(x journey.RerouteRule) rule {
	return rule{when: x.When, level: x.Level, path: x.GoTo, repeat: x.Repeat, content: contentOf(x)}
}

// contentOf names a reroute rule by what it says.
func contentOf(x journey.RerouteRule) string {
	x.Repeat = false
	text, err := json.Marshal(x)
	if err != nil {
		return x.GoTo
	}
	return string(text)
}

// named reports whether name is in names; no names are all names.
func named(names []string, name string) bool {
	return len(names) == 0 || slices.Contains(names, name)
}

// awaited reports whether some step could take e.
func (r *run) awaited(e contract.Event) bool {
	switch {
	case e.Handoff != "":
		return true
	case e.Name == contract.IntentChanged:
		return false
	}
	for _, step := range r.prog.Steps {
		switch spec := step.Spec.(type) {
		case *journey.Ask:
			if e.Name == journey.MessageReceived {
				return true
			}
		case *journey.WaitFor:
			if slices.ContainsFunc(spec.Arms, func(arm journey.EventArm) bool { return takes(arm, e.Name) }) {
				return true
			}
		}
	}
	return false
}

// takes reports whether an arm may take an event of this name. One by level takes none.
func takes(arm journey.EventArm, name string) bool {
	return arm.Level == nil && slices.Contains(arm.Events, name)
}
