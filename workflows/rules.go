package workflows

import (
	"encoding/json"
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// handleEvent tries the goal, then the exits, then the reroutes. What fires none of them is kept for the arms of a
// wait_for, and for a question.
func (r *run) handleEvent(ctx workflow.Context, w *wait, d contract.Delivery) error {
	var e *contract.Delivery // the event at hand
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

// firstToFire is the first of the rules that fires, -1 if none does: its condition is true and its level holds.
// Conditions are asked about in one go, levels only where it comes to them.
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
		if holds[levelWords(rule.level)] {
			return i, nil
		}
	}
	return -1, nil
}

// fire lets an event end the enrollment, or move it to another path. Either takes the event. e is nil where an
// intent does it without an event.
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
		return nil // lint lets no such rule through
	}
	r.jump(start)
	if e != nil {
		r.state.Last = e // the event at hand on the new path
	}
	if !rule.repeat {
		r.state.Rerouted = append(r.state.Rerouted, rule.key)
	}
	by := levelWords(rule.level)
	if rule.level == nil {
		by = clip(e.Event.Name, 80)
	}
	r.state.log(stamp(r.now(ctx)) + " rerouted to " + rule.path + " by " + by)
	return nil
}

// rule is a rule an event may fire: a way to end, or, with path, a way elsewhere.
type rule struct {
	when, value expr.Expr
	level       *journey.Level
	outcome     string
	path        string
	repeat      bool
	key         string // names a reroute rule over revisions, which may put it elsewhere
}

// eventRules are the rules that an event of this name may fire, in the order they are tried: the goal, the exits, the
// reroutes.
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

// scoreRules are the rules that a changed score may fire without an event: reroutes by level alone.
func (r *run) scoreRules() []rule {
	var rules []rule
	for _, x := range r.openReroutes() {
		if x.Level != nil && len(x.Events) == 0 {
			rules = append(rules, rerouteRule(x))
		}
	}
	return rules
}

// openReroutes are the reroute rules that are not used up, and lead away from the path it is on.
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

// rerouteRule is a reroute rule as one of the rules that fire.
func rerouteRule(x journey.RerouteRule) rule {
	return rule{when: x.When, level: x.Level, path: x.GoTo, repeat: x.Repeat, key: rerouteKey(x)}
}

// rerouteKey names a reroute rule by what it says.
func rerouteKey(x journey.RerouteRule) string {
	x.Repeat = false
	text, err := json.Marshal(x)
	if err != nil {
		return x.GoTo
	}
	return string(text)
}

// anyOf reports whether name is in names; no names are all names.
func anyOf(names []string, name string) bool {
	return len(names) == 0 || slices.Contains(names, name)
}

// anyStepTakes reports whether some step could take d.
func (r *run) anyStepTakes(d contract.Delivery) bool {
	if d.Event == nil {
		return d.HandoffResult != nil
	}
	for _, step := range r.prog.Steps {
		switch spec := step.Spec.(type) {
		case *journey.Ask:
			if d.Event.Name == journey.MessageReceived {
				return true
			}
		case *journey.WaitFor:
			if slices.ContainsFunc(spec.Arms, func(arm journey.EventArm) bool { return armTakes(arm, d.Event.Name) }) {
				return true
			}
		}
	}
	return false
}

// armTakes reports whether an arm may take an event of this name. One by level takes none.
func armTakes(arm journey.EventArm, name string) bool {
	return arm.Level == nil && slices.Contains(arm.Events, name)
}
