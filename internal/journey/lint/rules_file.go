package lint

import (
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

// ruleCheck is the check of a file of rules: intents, actions, policy.
type ruleCheck struct{ exprCheck }

// sight lists the variables that an expression of the rules may read, in addition to count and last. A nil sight
// permits all.
type sight []string

var (
	seesEvent = sight{
		"customer",
		"intent",
		"event",
		"event_name",
		"now",
	} // of evidence and acceptance, which are evaluated with an event, outside of journeys
	seesCustomer = sight{"customer", "intent", "now"} // of consent
	seesAll      sight                                // of actions and the policy; a journey's variables are missing if none asks
)

// cel reads an expression and checks the names in it.
func (r *ruleCheck) cel(n *source.Node, w expr.Want, sees sight) expr.Expr {
	before := len(r.uses)
	e := r.expr(n, w)
	for _, use := range r.uses[before:] {
		for _, u := range use.expr.Refs.Uses {
			if root := u[0]; len(sees) > 0 && !slices.Contains(sees, root.Name) {
				r.Report(
					use.node.At(root.Offset),
					"bad-expression",
					"",
					"%s cannot be read here, only %s, count and last",
					root.Name,
					human.Join(sees),
				)
			}
			r.intentUse(use.node, u)
		}
	}
	return e
}

// needCel is cel for a required key.
func (r *ruleCheck) needCel(m *source.Mapping, key, why string, w expr.Want, sees sight) expr.Expr {
	if n := m.Need(key, why); n != nil {
		return r.cel(n, w, sees)
	}
	return ""
}

// intentUse checks an intent that an expression names.
func (f *fileCheck) intentUse(n *source.Node, u expr.Use) {
	if u[0].Name != "intent" || len(u) < 2 || f.Intents.hasKey(expr.Key(u[1].Name)) {
		return
	}
	f.Report(n.At(u[1].Offset), "unknown-intent", human.Suggest(expr.Key(u[1].Name), f.Intents.keys), "%s", f.Intents.Unknown(u[1].Name))
}

// above0 reads a duration greater than zero.
func (f *fileCheck) above0(n *source.Node, what string) time.Duration {
	d, ok := f.Duration(n, what, false)
	if ok && d == 0 {
		f.Report(n.Pos, "bad-value", "", "%s is longer than 0s", what)
	}
	return d
}

func (f *fileCheck) channelIn(n *source.Node) string {
	name, ok := f.Word(n, "channel")
	if ok {
		f.channelSpec(name, n.Pos)
	}
	return name
}
