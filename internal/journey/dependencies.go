package journey

import (
	"maps"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

// expressions returns every expression of the definition.
func (d *Definition) expressions() []expr.Expr {
	out := []expr.Expr{d.Entry.When, d.Entry.Key}
	if d.Goal != nil {
		out = append(out, d.Goal.When, d.Goal.Value)
	}
	for _, rule := range d.Exit {
		out = append(out, rule.When)
	}
	for _, rule := range d.Reroute {
		out = append(out, rule.When)
	}
	for i := range d.Steps {
		out = append(out, d.Steps[i].When)
		for _, e := range d.Steps[i].Describe().Exprs {
			out = append(out, e.Expr)
		}
	}
	return out
}

// names is a set of property names. "*" means all of them and replaces the others when listed.
type names map[string]bool

func (n names) add(more ...string) {
	for _, name := range more {
		n[name] = true
	}
}

func (n names) list() []string {
	if n["*"] {
		return []string{"*"}
	}
	return slices.Sorted(maps.Keys(n))
}

// reads returns the properties that expressions name. For the entry event this includes what steps read as `event`. The
// expressions entry.when and entry.key count too, because keeping their properties costs little.
func (d *Definition) reads(exprs map[expr.Expr]*expr.Evaluator) Reads {
	entry, event, body := names{}, names{}, names{}
	calls, asks, text := map[string]bool{}, map[string]bool{}, false
	for i := range d.Steps {
		s := &d.Steps[i]
		spec := s.Describe()
		if spec.Body {
			calls[expr.Key(s.ID)] = true
		}
		if spec.Text {
			asks[expr.Key(s.ID)] = true
		}
		// Until a step receives an event, `event` is the entry event.
		atHand := []expr.Expr{s.When}
		if !spec.TakesEvent {
			for _, e := range spec.Exprs {
				atHand = append(atHand, e.Expr)
			}
		}
		for _, e := range atHand {
			if e != "" {
				entry.add(exprs[e].Refs.Properties("event")...)
			}
		}
	}
	for _, e := range exprs {
		entry.add(e.Refs.Properties("entry")...)
		event.add(e.Refs.Properties("event")...)
		for _, use := range e.Refs.Uses {
			if use[0].Name != "steps" {
				continue
			}
			body.add(bodyReads(use, calls)...)
			text = text || textRead(use, asks)
			switch {
			case len(use) < 3:
				event.add("*") // a whole result may hold properties
			case use[2].Name == "properties" && len(use) == 3:
				event.add("*")
			case use[2].Name == "properties":
				event.add(use[3].Name)
			}
		}
	}
	return Reads{Entry: entry.list(), Event: event.list(), Body: body.list(), Text: text}
}

// textRead reports whether a use of steps reads the text of a customer's reply.
func textRead(use expr.Use, asks map[string]bool) bool {
	switch len(use) {
	case 1:
		return len(asks) > 0
	case 2:
		return asks[expr.Key(use[1].Name)]
	}
	return asks[expr.Key(use[1].Name)] && use[2].Name == TextProperty
}

// bodyReads returns the fields of a call's response that a use of steps names.
func bodyReads(use expr.Use, calls map[string]bool) []string {
	switch {
	case len(use) == 1 && len(calls) > 0, len(use) == 2 && calls[expr.Key(use[1].Name)]:
		return []string{"*"}
	case len(use) < 3 || !calls[expr.Key(use[1].Name)] || use[2].Name != "body":
		return nil
	case len(use) == 3:
		return []string{"*"}
	}
	return []string{use[3].Name}
}

// listens returns the events of goal, exit and reroute rules, of wait_for arms and of questions, the traits that move
// waits, and the intent levels.
func (d *Definition) listens(exprs map[expr.Expr]*expr.Evaluator) Listens {
	l := Listens{Events: map[string]bool{}}
	hear := func(events []string) {
		l.Every = l.Every || len(events) == 0
		for _, event := range events {
			l.Events[event] = true
		}
	}
	if d.Goal != nil {
		hear(d.Goal.Events)
	}
	for _, rule := range d.Exit {
		hear(rule.Events)
	}
	for _, rule := range d.Reroute {
		if rule.Level == nil || len(rule.Events) > 0 {
			hear(rule.Events)
		}
	}
	traits, dated := names{}, false
	for i := range d.Steps {
		spec := d.Steps[i].Describe()
		for _, events := range spec.Events {
			hear(events)
		}
		switch e := exprs[spec.Moment]; {
		case e != nil:
			traits.add(e.Refs.Properties("customer")...)
			dated = dated || spec.Local && !e.Timestamp() || e.Refs.Zone
		case spec.Local:
			traits.add(zoneTrait)
		}
	}
	// An enrollment that listens to nothing else does not query levels either: recorded histories depend on it.
	l.Levels = d.levels()
	if dated && (l.Every || len(l.Events)+len(traits)+len(l.Levels) > 0) {
		traits.add(zoneTrait)
	}
	l.Traits = traits.list()
	return l
}

// taken returns the names of the events that some step takes.
func (d *Definition) taken() map[string]bool {
	out := map[string]bool{}
	for i := range d.Steps {
		for _, events := range d.Steps[i].Describe().Events {
			for _, event := range events {
				out[event] = true
			}
		}
	}
	return out
}

// zoneTrait is the trait that holds a customer's time zone (IANA name).
const zoneTrait = "timezone"

// lookback returns how far back expressions count events: by a duration that they name, and whether any looks back without end.
func lookback(exprs map[expr.Expr]*expr.Evaluator) (back time.Duration, ever bool) {
	for _, e := range exprs {
		back, ever = max(back, e.Refs.Back), ever || e.Refs.Ever
	}
	return back, ever
}

// Lookback returns how far back the journey counts events: the longest duration that a count names (virtual time), and whether it also
// looks back without end, by last or by a count without a duration.
func (p *Program) Lookback() (back time.Duration, ever bool) { return lookback(p.exprs) }

// Lookback is Program.Lookback for the rules.
func (b *Rulebook) Lookback() (back time.Duration, ever bool) { return lookback(b.exprs) }
