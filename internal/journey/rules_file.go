package journey

import (
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/human"
)

// ruleCheck is the check of a file of rules: intents, actions, policy.
type ruleCheck struct{ exprCheck }

// sight is what an expression of the rules may read: variables beside count and last. Without any, it may read all.
type sight []string

var (
	seesEvent = sight{
		"customer",
		"intent",
		"event",
		"event_name",
		"now",
	} // of evidence and acceptance: they are looked at with an event, outside of journeys
	seesCustomer = sight{"customer", "intent", "now"} // of consent
	seesAll      sight                                // of actions and of the policy: what journey asks is at hand, and missing where none does
)

// cel reads an expression, and looks at what it names.
func (r *ruleCheck) cel(n *node, w want, sees sight) Expr {
	before := len(r.uses)
	e := r.expr(n, w)
	for _, use := range r.uses[before:] {
		for _, u := range use.expr.refs.uses {
			if root := u[0]; len(sees) > 0 && !slices.Contains(sees, root.name) {
				r.report(
					use.node.at(root.offset),
					"bad-expression",
					"",
					"%s cannot be read here, only %s, count and last",
					root.name,
					joinWords(sees),
				)
			}
			r.intentUse(use.node, u)
		}
	}
	return e
}

// needCel is cel for a key that must be there.
func (r *ruleCheck) needCel(m *fields, key, why string, w want, sees sight) Expr {
	if n := m.need(key, why); n != nil {
		return r.cel(n, w, sees)
	}
	return ""
}

// intentUse looks up an intent that an expression names.
func (f *fileCheck) intentUse(n *node, u reading) {
	if u[0].name != "intent" || len(u) < 2 || f.intents.hasKey(stepKey(u[1].name)) {
		return
	}
	f.report(n.at(u[1].offset), "unknown-intent", human.Suggest(stepKey(u[1].name), f.intents.keys), "%s", f.intents.unknown(u[1].name))
}

// above0 reads a duration that is longer than none.
func (f *fileCheck) above0(n *node, what string) time.Duration {
	d, ok := f.duration(n, what, false)
	if ok && d == 0 {
		f.report(n.pos, "bad-value", "", "%s is longer than 0s", what)
	}
	return d
}

// channelIn reads the name of a channel.
func (f *fileCheck) channelIn(n *node) string {
	name, ok := f.word(n, "channel")
	if ok {
		f.channelSpec(name, n.pos)
	}
	return name
}
