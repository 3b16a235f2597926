package format

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
)

// YAML returns a journey file that compiles to the same definition. It shows people a published revision. The comments
// and the layout of the original file are lost. It cannot fail for a definition that Check returned.
func YAML(d *journey.Definition) ([]byte, error) {
	file := yamlMap{{key: "journey", inline: quoteYAML(d.Journey)}}
	file.text("description", d.Description)
	file.text("owner", d.Owner)
	file = append(file, yamlField{key: "entry", fields: entryYAML(&d.Entry)})
	if d.Vars != nil {
		file = append(file, yamlField{key: "vars", inline: flowYAML(d.Vars)})
	}
	if g := d.Goal; g != nil {
		goal := rule(g.Events, g.When)
		goal.expr("value", g.Value)
		if g.Within != 0 {
			goal.plain("within", clock.FormatDuration(g.Within))
		}
		file = append(file, yamlField{key: "goal", fields: goal})
	}
	if exits := exitsYAML(d); len(exits) > 0 {
		file = append(file, yamlField{key: "exit", items: exits})
	}
	if reroutes := reroutesYAML(d); len(reroutes) > 0 {
		file = append(file, yamlField{key: "reroute", items: reroutes})
	}
	if d.Timeout != journey.DefaultTimeout {
		file.plain("timeout", clock.FormatDuration(d.Timeout))
	}
	var paths yamlMap
	p := stepPrinter{d: d}
	for i, path := range d.Paths {
		steps, err := p.path(path)
		switch {
		case err != nil:
			return nil, fmt.Errorf("journey %q cannot be written as YAML: %w", d.Journey, err)
		case i == 0:
			file.steps("steps", steps)
		default:
			paths.steps(path.Name, steps)
		}
	}
	if len(paths) > 0 {
		file = append(file, yamlField{key: "paths", fields: paths})
	}
	return file.bytes(), nil
}

func entryYAML(e *journey.Entry) yamlMap {
	out := rule(e.Events, "")
	if s := e.Schedule; s != nil {
		out = append(out, yamlField{key: "schedule", fields: clockYAML("at", s.At, s.Days, s.Timezone)})
	}
	out.expr("when", e.When)
	out.expr("key", e.Key)
	switch e.Reentry {
	case journey.ReentryAfterExit:
	case journey.ReentryAfter:
		out.plain("reentry", "{after: "+clock.FormatDuration(e.After)+"}")
	default:
		out.plain("reentry", e.Reentry)
	}
	if e.Holdout != 0 {
		out.plain("holdout", numberYAML(e.Holdout))
	}
	return out
}

func exitsYAML(d *journey.Definition) (out []yamlMap) {
	for _, r := range d.Exit {
		m := rule(r.Events, r.When)
		m.plain("outcome", quoteYAML(r.Outcome))
		out = append(out, m)
	}
	return out
}

func reroutesYAML(d *journey.Definition) (out []yamlMap) {
	for _, r := range d.Reroute {
		m := append(levelYAML(r.Level), rule(r.Events, r.When)...)
		m.plain("go_to", quoteYAML(r.GoTo))
		if r.Repeat {
			m.plain("repeat", "true")
		}
		out = append(out, m)
	}
	return out
}

// rule returns the keys of a rule with an event, a condition or both.
func rule(events []string, when expr.Expr) (out yamlMap) {
	if len(events) > 0 {
		out.plain("event", wordsYAML(events))
	}
	out.expr("when", when)
	return out
}

// clockYAML returns the keys of a time of day on some days.
func clockYAML(key string, at localtime.Time, days []string, zone string) yamlMap {
	out := yamlMap{{key: key, inline: `"` + string(at) + `"`}}
	if len(days) > 0 {
		out.plain("days", wordsYAML(days))
	}
	if zone != "" {
		out.plain("timezone", quoteYAML(zone))
	}
	return out
}

// stepPrinter recovers the lists of steps from the flat program.
type stepPrinter struct {
	d  *journey.Definition
	at int // the next step of the program
}

func (p *stepPrinter) path(path journey.Path) ([]yamlMap, error) {
	if path.Start == journey.End {
		return nil, nil
	}
	return p.list(path.Start, journey.End, path.Name)
}

// list returns the steps of the list that begins at start and continues, when it ends, at the third argument.
// prefix is the list's id.
func (p *stepPrinter) list(start, behind int, prefix string) ([]yamlMap, error) {
	if start != p.at {
		return nil, fmt.Errorf("step %d begins a list where step %d would stand", start, p.at)
	}
	var out []yamlMap
	for n := 1; ; n++ {
		if p.at >= len(p.d.Steps) {
			return nil, fmt.Errorf("%s.%d is missing", prefix, n)
		}
		s := &p.d.Steps[p.at]
		p.at++
		step, err := p.step(s, prefix+"."+strconv.Itoa(n))
		if err != nil {
			return nil, err
		}
		out = append(out, step)
		if s.Next == behind {
			return out, nil
		}
		if s.Next != p.at {
			return nil, fmt.Errorf("step %q goes on at step %d", s.ID, s.Next)
		}
	}
}

// arm returns the steps of an arm: none if the arm leads past its step.
func (p *stepPrinter) arm(s *journey.Step, place, token string, target int) ([]yamlMap, error) {
	if target == s.Next {
		return nil, nil
	}
	return p.list(target, s.Next, place+"."+token)
}

// step returns one step. place is its id by place.
func (p *stepPrinter) step(s *journey.Step, place string) (yamlMap, error) {
	var out yamlMap
	if s.ID != place {
		out.plain("id", quoteYAML(s.ID))
	}
	out.text("name", s.Name)
	out.expr("when", s.When)
	var failed error
	known := specYAML(s.Spec, &out, func(token string, target int) []yamlMap {
		steps, err := p.arm(s, place, token, target)
		if failed == nil {
			failed = err
		}
		return steps
	})
	if !known {
		return nil, fmt.Errorf("step %q: the kind %q", s.ID, s.Kind)
	}
	return out, failed
}

// exprsYAML returns expressions by name.
func exprsYAML(exprs map[string]expr.Expr) yamlMap {
	var out yamlMap
	for _, key := range slices.Sorted(maps.Keys(exprs)) {
		out.expr(key, exprs[key])
	}
	return out
}
