package workflows

import (
	"encoding/json"
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// react tries the goal, then the exits, then the reroutes. What fires none of them is kept for the arms of a wait_for.
func (r *run) react(ctx workflow.Context, e Event) error {
	if len(e.Traits) > 0 {
		r.touched = true
	}
	rules := r.rules(e)
	if len(rules) > 0 {
		exprs := make([]journey.Expr, len(rules))
		for i, rule := range rules {
			exprs[i] = rule.when
		}
		answers, err := r.conditions(ctx, &e, exprs)
		if err != nil {
			return err
		}
		if i := slices.Index(answers, true); i >= 0 {
			return r.fire(ctx, e, rules[i])
		}
	}
	if !r.st.Silent && r.awaited(e) {
		r.st.keep(e)
	}
	return nil
}

// fire lets an event end the instance, or move it to another path. Either takes the event.
func (r *run) fire(ctx workflow.Context, e Event, rule rule) (err error) {
	if rule.path == "" {
		var value float64
		if rule.value != "" {
			if value, err = r.number(ctx, &e, rule.value); err != nil {
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
	r.st.Last = &e // the event at hand on the new path
	if !rule.repeat {
		r.st.Rerouted = append(r.st.Rerouted, rule.content)
	}
	r.st.tell(stamp(r.now(ctx)) + " rerouted to " + rule.path + " by " + clip(e.Name, 80))
	return nil
}

// rule is what an event may fire: a way to end, or, with path, a way elsewhere.
type rule struct {
	when, value journey.Expr
	outcome     string
	path        string
	repeat      bool
	content     string // names a reroute rule over revisions, which may put it elsewhere
}

// rules are what e may fire, in the order they are tried: the goal, the exits, the reroutes.
func (r *run) rules(e Event) []rule {
	var rules []rule
	if e.Handoff != "" {
		return nil
	}
	if g := r.prog.Goal; g != nil && named(g.Events, e.Name) {
		rules = append(rules, rule{when: g.When, value: g.Value, outcome: Goal})
	}
	if r.st.Silent {
		return rules
	}
	for _, x := range r.prog.Exit {
		if named(x.Events, e.Name) {
			rules = append(rules, rule{when: x.When, outcome: x.Outcome})
		}
	}
	at, onPath := r.prog.Index(r.st.Cursor)
	if !onPath || r.in.Holdout {
		return rules
	}
	for _, x := range r.prog.Reroute {
		if !named(x.Events, e.Name) || x.GoTo == r.prog.Steps[at].Path {
			continue
		}
		if content := contentOf(x); !slices.Contains(r.st.Rerouted, content) {
			rules = append(rules, rule{when: x.When, path: x.GoTo, repeat: x.Repeat, content: content})
		}
	}
	return rules
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
func (r *run) awaited(e Event) bool {
	if e.Handoff != "" {
		return true
	}
	for _, step := range r.prog.Steps {
		w, ok := step.Spec.(*journey.WaitFor)
		if !ok {
			continue
		}
		for _, arm := range w.Arms {
			if len(arm.Events) > 0 && named(arm.Events, e.Name) {
				return true
			}
		}
	}
	return false
}
