package journey

import (
	"maps"
	"slices"

	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

// expressions lists every expression of a definition.
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
		if spec, ok := d.Steps[i].Spec.(program); ok {
			out = append(out, spec.exprs()...)
		}
	}
	return out
}

// names collects property names: sorted, without repeats, only "*" where the whole is read.
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

// reads collects the properties that expressions name: of the entry also what steps name as event's. Those of
// entry.when and entry.key count too: they are cheap to keep.
func (d *Definition) reads(exprs map[expr.Expr]*expr.Evaluator) Reads {
	entry, event, body := names{}, names{}, names{}
	calls, asks, text := map[string]bool{}, map[string]bool{}, false
	for i := range d.Steps {
		s := &d.Steps[i]
		switch s.Kind {
		case "call":
			calls[expr.Key(s.ID)] = true
		case "ask":
			asks[expr.Key(s.ID)] = true
		}
		// Until a step takes an event, the one at hand is the entry's.
		atHand := []expr.Expr{s.When}
		if spec, ok := s.Spec.(program); ok && s.Kind != "wait_for" {
			atHand = append(atHand, spec.exprs()...)
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
				event.add("*") // all of a result may hold properties
			case use[2].Name == "properties" && len(use) == 3:
				event.add("*")
			case use[2].Name == "properties":
				event.add(use[3].Name)
			}
		}
	}
	return Reads{Entry: entry.list(), Event: event.list(), Body: body.list(), Text: text}
}

// textRead reports whether a use of steps names what a customer replied.
func textRead(use expr.Use, asks map[string]bool) bool {
	switch len(use) {
	case 1:
		return len(asks) > 0
	case 2:
		return asks[expr.Key(use[1].Name)]
	}
	return asks[expr.Key(use[1].Name)] && use[2].Name == TextProperty
}

// bodyReads are the fields of a call's response that a use of steps names.
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

// listens collects the events that goal, exit and reroute rules and wait_for arms name and that answer a
// question, the traits that move waits, and the levels.
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
		switch spec := d.Steps[i].Spec.(type) {
		case *WaitFor:
			for _, arm := range spec.Arms {
				if arm.Level == nil {
					hear(arm.Events)
				}
			}
		case *Ask:
			l.Events[MessageReceived] = true
		case *Wait:
			if spec.At != "" && spec.Timezone == "" {
				traits.add(zoneTrait)
			}
			if e := exprs[spec.Until]; e != nil {
				traits.add(e.Refs.Properties("customer")...)
				dated = dated || spec.Timezone == "" && !e.Timestamp()
			}
		}
	}
	// An instance that is told of nothing else asks for nothing either (workflows/overdue.go): histories of the
	// first interpreter rely on that.
	l.Levels = d.levels()
	if dated && (l.Every || len(l.Events)+len(traits)+len(l.Levels) > 0) {
		traits.add(zoneTrait)
	}
	l.Traits = traits.list()
	return l
}

// zoneTrait is the trait that holds a customer's time zone.
const zoneTrait = "timezone"
