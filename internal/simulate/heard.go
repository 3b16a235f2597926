package simulate

import (
	"slices"
	"strings"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// unheard says of an event that no journey of the scenario names it, as where it is misspelt; nothing of any other.
func (w *world) unheard(event string) string {
	for _, name := range append([]string{w.test.Journey}, w.scenario.With...) {
		if d := w.content.Journeys[name]; d == nil || mentions(d, event) {
			return ""
		}
	}
	return ": no journey here names it"
}

// mentions reports whether a journey names an event, or looks at every one.
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
		rules = append(rules, r.Events)
	}
	for i := range d.Steps {
		if spec, ok := d.Steps[i].Spec.(*journey.WaitFor); ok {
			for _, arm := range spec.Arms {
				rules = append(rules, arm.Events)
			}
		}
	}
	if slices.ContainsFunc(rules, func(events []string) bool { return len(events) == 0 || slices.Contains(events, event) }) {
		return true
	}
	text, err := d.YAML() // in an expression, as count("Order Completed")
	return err != nil || strings.Contains(string(text), event)
}
