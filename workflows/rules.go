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
	r.awake.due = d.Received
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
		r.buffer(ctx, d)
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
	if b := r.state.Behind; b != nil && e != nil && !e.Received.IsZero() {
		b.From = later(b.From, e.Received)
	}
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

// anyStepTakes reports whether some step of the journey could take d. An event that fits no arm is kept too, since another
// revision may have other arms.
func (r *run) anyStepTakes(d contract.Delivery) bool {
	if d.Event == nil {
		return d.HandoffResult != nil
	}
	return r.prog.StepsTake(d.Event.Name)
}

// fits reports whether some arm takes an event, by the conditions that decides names: it asks those alone, and takes all others
// as true. It reads nothing but the run.
func (r *run) fits(ctx workflow.Context, d contract.Delivery, decides func(expr.Expr) bool) bool {
	for i := range r.prog.Steps {
		spec, waits := r.prog.Steps[i].Spec.(*journey.WaitFor)
		if !waits {
			for _, events := range r.prog.Steps[i].Describe().Events {
				if slices.Contains(events, d.Event.Name) {
					return true
				}
			}
			continue
		}
		for _, arm := range spec.Arms {
			if armTakes(arm, d.Event.Name) && (arm.When == "" || !decides(arm.When) || r.prog.Test(arm.When, r.vars(ctx, &d))) {
				return true
			}
		}
	}
	return false
}

// buffer keeps an event for a step to take. Beyond bufferLimit one is dropped: the oldest that fits no arm by its own properties,
// else the oldest that fits none as things are now, and only if all fit, the oldest. The story says how many were dropped, and
// which.
func (r *run) buffer(ctx workflow.Context, d contract.Delivery) {
	r.state.Buffer = append(r.state.Buffer, Buffered{Delivery: d})
	if len(r.state.Buffer) <= bufferLimit {
		return
	}
	out := -1
	for _, decides := range []func(expr.Expr) bool{r.prog.Fixed, func(e expr.Expr) bool { return !r.prog.Remote(e) }} {
		if out < 0 {
			out = slices.IndexFunc(r.state.Buffer, func(b Buffered) bool {
				return b.Delivery.Event != nil && !r.fits(ctx, b.Delivery, decides)
			})
		}
	}
	out = max(out, 0)
	name := "a hand-off's result"
	if e := r.state.Buffer[out].Delivery.Event; e != nil {
		name = e.Name
	}
	r.state.unbuffer(out)
	if r.state.Dropped == nil {
		r.state.Dropped = map[string]int{}
		workflow.GetLogger(ctx).Warn("an event that was kept for a later step was dropped: the enrollment keeps 500", "event", name)
	}
	r.state.Dropped[name]++
}

// armTakes reports whether an arm may take an event of this name. An arm by level takes none.
func armTakes(arm journey.EventArm, name string) bool {
	return arm.Level == nil && slices.Contains(arm.Events, name)
}
