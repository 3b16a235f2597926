package simulate

import (
	"slices"
	"strings"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/format"
)

// unusedHint returns a hint if no journey in the scenario mentions the event (probably a typo).
func (w *scenarioRun) unusedHint(event string) string {
	if namedByRules(&w.content.Rules, event) {
		return ""
	}
	for _, name := range append([]string{w.test.Journey}, w.scenario.With...) {
		if d := w.content.Journeys[name]; d == nil || mentions(d, event) {
			return ""
		}
	}
	return ": no journey in this scenario names it"
}

// mentions reports whether a journey names an event, or reacts to every event.
func mentions(d *journey.Definition, event string) bool {
	rules := [][]string{}
	if len(d.Entry.Events) > 0 || d.Entry.Schedule == nil {
		rules = append(rules, d.Entry.Events)
	}
	if d.Goal != nil {
		rules = append(rules, d.Goal.Events)
	}
	for _, r := range d.Exit {
		rules = append(rules, r.Events)
	}
	for _, r := range d.Reroute {
		if r.Level == nil || len(r.Events) > 0 {
			rules = append(rules, r.Events)
		}
	}
	for i := range d.Steps {
		rules = append(rules, d.Steps[i].Describe().Events...)
	}
	if slices.ContainsFunc(rules, func(events []string) bool { return len(events) == 0 || slices.Contains(events, event) }) {
		return true
	}
	text, err := format.YAML(d) // an expression may name it, as count("Order Completed")
	return err != nil || strings.Contains(string(text), event)
}

// namedByRules reports whether an event is evidence of an intent, or accepts an action.
func namedByRules(r *journey.Rules, event string) bool {
	if len(r.Intents) > 0 && event == journey.MessageReceived {
		return true
	}
	for _, intent := range r.Intents {
		if slices.ContainsFunc(intent.Evidence, func(e journey.Evidence) bool { return slices.Contains(e.Events, event) }) {
			return true
		}
	}
	for _, action := range r.Actions {
		if action.Accept != nil && slices.Contains(action.Accept.Events, event) {
			return true
		}
	}
	return false
}
