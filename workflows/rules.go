package workflows

import (
	"encoding/json"
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// handleEvent tries the goal, then the exits, then the reroutes. An event that fires none of them is buffered if some
// step could take it.
func (r *run) handleEvent(ctx workflow.Context, w *wait, d contract.Delivery) error {
	var e *contract.Delivery // nil: it is not an event of the customer
	var rules []rule
	switch {
	case d.HandoffResult != nil:
	case d.ScoresChanged != nil:
		rules = r.scoreRules()
	default:
		e, rules = &d, r.eventRules(d.Event.Name)
	}
	w.noteChanges(d)
	if len(rules) > 0 {
		i, err := r.firstToFire(ctx, w, e, rules)
		if err != nil {
			return err
		}
		if i >= 0 {
			return r.fire(ctx, e, rules[i])
		}
	}
	if w != nil {
		w.current = e
	}
	if !r.state.Silent && r.anyStepTakes(d) {
		r.state.buffer(d)
	}
	return nil
}

// firstToFire returns the index of the first rule whose condition is true and whose level holds, -1 if there is
// none. One activity answers all conditions, and one all levels, if a level matters.
func (r *run) firstToFire(ctx workflow.Context, w *wait, e *contract.Delivery, rules []rule) (int, error) {
	exprs := make([]expr.Expr, len(rules))
	for i, rule := range rules {
		exprs[i] = rule.when
	}
	answers, err := r.conditions(ctx, e, exprs)
	if err != nil {
		return -1, err
	}
	var holds map[string]bool
	for i, rule := range rules {
		switch {
		case !answers[i]:
			continue
		case rule.level == nil:
			return i, nil
		case holds == nil:
			if holds, err = r.queryLevels(ctx, w, true); err != nil {
				return -1, err
			}
		}
		if holds[rule.level.Words()] {
			return i, nil
		}
	}
	return -1, nil
}

// fire ends the enrollment by a rule, or moves it to another path. The event is used up. e is nil if an intent
// fires the rule without an event.
func (r *run) fire(ctx workflow.Context, e *contract.Delivery, rule rule) (err error) {
	if rule.path == "" {
		var value float64
		if rule.value != "" {
			if value, err = r.number(ctx, e, rule.value); err != nil {
				return err
			}
		}
		r.end(ctx, rule.outcome, "by "+e.Event.Name, value)
		return nil
	}
	start, ok := r.prog.Start(rule.path)
	if !ok {
		return nil // lint refuses such a rule
	}
	r.jump(start)
	if e != nil {
		r.state.Last = e // what `event` means on the new path
	}
	if !rule.repeat {
		r.state.Rerouted = append(r.state.Rerouted, rule.key)
	}
	by := rule.level.Words()
	if rule.level == nil {
		by = clip(e.Event.Name, 80)
	}
	r.state.log(stamp(r.now(ctx)) + " rerouted to " + rule.path + " by " + by)
	return nil
}

// rule is a rule that an event may fire: it ends the enrollment with an outcome, or moves it to a path.
type rule struct {
	when, value expr.Expr
	level       *journey.Level
	outcome     string
	path        string
	repeat      bool
	key         string // of a reroute: see rerouteKey
}

// eventRules returns the rules that an event of this name may fire, in the order in which they are tried.
func (r *run) eventRules(name string) []rule {
	var rules []rule
	if g := r.prog.Goal; g != nil && anyOf(g.Events, name) {
		rules = append(rules, rule{when: g.When, value: g.Value, outcome: contract.Goal})
	}
	if r.state.Silent {
		return rules
	}
	for _, x := range r.prog.Exit {
		if anyOf(x.Events, name) {
			rules = append(rules, rule{when: x.When, outcome: x.Outcome})
		}
	}
	for _, x := range r.openReroutes() {
		if anyOf(x.Events, name) {
			rules = append(rules, rerouteRule(x))
		}
	}
	return rules
}

// scoreRules returns the rules that a changed score may fire without an event: reroutes by level alone.
func (r *run) scoreRules() []rule {
	var rules []rule
	for _, x := range r.openReroutes() {
		if x.Level != nil && len(x.Events) == 0 {
			rules = append(rules, rerouteRule(x))
		}
	}
	return rules
}

// openReroutes returns the reroute rules that are not used up, and do not lead to the path that the enrollment is on.
func (r *run) openReroutes() []journey.RerouteRule {
	at, onPath := r.prog.Index(r.state.Cursor)
	if !onPath || r.in.Holdout || r.state.Silent {
		return nil
	}
	var rules []journey.RerouteRule
	for _, x := range r.prog.Reroute {
		if x.GoTo != r.prog.Steps[at].Path && !slices.Contains(r.state.Rerouted, rerouteKey(x)) {
			rules = append(rules, x)
		}
	}
	return rules
}

// rerouteRule makes a rule of a reroute.
func rerouteRule(x journey.RerouteRule) rule {
	return rule{when: x.When, level: x.Level, path: x.GoTo, repeat: x.Repeat, key: rerouteKey(x)}
}

// rerouteKey names a reroute rule by its content, which survives revisions that move it to another place.
func rerouteKey(x journey.RerouteRule) string {
	x.Repeat = false
	text, err := json.Marshal(x)
	if err != nil {
		return x.GoTo
	}
	return string(text)
}

// anyOf reports whether names contains name. An empty list stands for every name.
func anyOf(names []string, name string) bool {
	return len(names) == 0 || slices.Contains(names, name)
}

// anyStepTakes reports whether some step of the journey could take d.
func (r *run) anyStepTakes(d contract.Delivery) bool {
	if d.Event == nil {
		return d.HandoffResult != nil
	}
	return r.prog.StepsTake(d.Event.Name)
}

// armTakes reports whether an arm may take an event of this name. An arm by level takes none.
func armTakes(arm journey.EventArm, name string) bool {
	return arm.Level == nil && slices.Contains(arm.Events, name)
}
