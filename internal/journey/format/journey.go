package format

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/syntax"
)

// YAML returns a journey file that compiles to the same definition. It shows people a published revision. The comments
// and the layout of the original file are lost. It cannot fail for a definition that Check returned.
func YAML(d *journey.Definition) ([]byte, error) {
	file := syntax.NewMap()
	add := func(key string, value *yaml.Node) { syntax.Add(file, key, value) }
	add("journey", syntax.String(d.Journey))
	add("description", text(d.Description))
	add("owner", text(d.Owner))
	add("entry", entry(&d.Entry))
	if d.Vars != nil {
		add("vars", syntax.Flow(d.Vars))
	}
	if g := d.Goal; g != nil {
		goal := rule(g.Events, g.When)
		syntax.Add(goal, "value", syntax.Expr(g.Value))
		syntax.Add(goal, "within", duration(g.Within, 0))
		add("goal", goal)
	}
	add("exit", exits(d))
	add("reroute", reroutes(d))
	add("timeout", duration(d.Timeout, journey.DefaultTimeout))
	paths := syntax.NewMap()
	p := stepPrinter{d: d}
	for i, path := range d.Paths {
		steps, err := p.path(path)
		switch {
		case err != nil:
			return nil, fmt.Errorf("journey %q cannot be written as YAML: %w", d.Journey, err)
		case i == 0:
			add("steps", syntax.NewList(steps...))
		default:
			syntax.Add(paths, path.Name, syntax.NewList(steps...))
		}
	}
	if len(paths.Content) > 0 {
		add("paths", paths)
	}
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(file); err != nil {
		return nil, fmt.Errorf("journey %q cannot be written as YAML: %w", d.Journey, err)
	}
	return out.Bytes(), nil
}

// text returns a string, or nil for an empty one.
func text(text string) *yaml.Node {
	if text == "" {
		return nil
	}
	return syntax.String(text)
}

// duration returns a duration, or nil for the default.
func duration(d, byDefault time.Duration) *yaml.Node {
	if d == byDefault {
		return nil
	}
	return syntax.Plain(clock.FormatDuration(d))
}

func entry(e *journey.Entry) *yaml.Node {
	out := rule(e.Events, "")
	if e.Schedule != nil {
		syntax.Add(out, "schedule", (&syntax.Printer{}).Part(e.Schedule))
	}
	syntax.Add(out, "when", syntax.Expr(e.When))
	syntax.Add(out, "key", syntax.Expr(e.Key))
	switch e.Reentry {
	case journey.ReentryAfterExit:
	case journey.ReentryAfter:
		after := syntax.Flow(map[string]any{})
		syntax.Add(after, "after", duration(e.After, -1))
		syntax.Add(out, "reentry", after)
	default:
		syntax.Add(out, "reentry", syntax.Plain(e.Reentry))
	}
	if e.Holdout != 0 {
		syntax.Add(out, "holdout", syntax.Number(e.Holdout))
	}
	return out
}

func exits(d *journey.Definition) *yaml.Node {
	if len(d.Exit) == 0 {
		return nil
	}
	out := syntax.NewList()
	for _, r := range d.Exit {
		m := rule(r.Events, r.When)
		syntax.Add(m, "outcome", syntax.String(r.Outcome))
		out.Content = append(out.Content, m)
	}
	return out
}

func reroutes(d *journey.Definition) *yaml.Node {
	if len(d.Reroute) == 0 {
		return nil
	}
	out := syntax.NewList()
	for _, r := range d.Reroute {
		m := syntax.NewMap()
		if r.Level != nil {
			m = (&syntax.Printer{}).Part(r.Level)
		}
		m.Content = append(m.Content, rule(r.Events, r.When).Content...)
		syntax.Add(m, "go_to", syntax.String(r.GoTo))
		if r.Repeat {
			syntax.Add(m, "repeat", syntax.Flow(true))
		}
		out.Content = append(out.Content, m)
	}
	return out
}

// rule returns the keys of a rule with an event, a condition or both.
func rule(events []string, when expr.Expr) *yaml.Node {
	out := syntax.NewMap()
	syntax.Add(out, "event", syntax.Words(events))
	syntax.Add(out, "when", syntax.Expr(when))
	return out
}

// stepPrinter recovers the lists of steps from the flat program.
type stepPrinter struct {
	d  *journey.Definition
	at int // the next step of the program
}

func (p *stepPrinter) path(path journey.Path) ([]*yaml.Node, error) {
	if path.Start == journey.End {
		return nil, nil
	}
	return p.list(path.Start, journey.End, path.Name)
}

// list returns the steps of the list that begins at start and continues, when it ends, at the third argument.
// prefix is the list's id.
func (p *stepPrinter) list(start, behind int, prefix string) ([]*yaml.Node, error) {
	if start != p.at {
		return nil, fmt.Errorf("step %d begins a list where step %d would stand", start, p.at)
	}
	var out []*yaml.Node
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
func (p *stepPrinter) arm(s *journey.Step, place, token string, target int) ([]*yaml.Node, error) {
	if target == s.Next {
		return nil, nil
	}
	return p.list(target, s.Next, place+"."+token)
}

// step returns one step. place is its id by place.
func (p *stepPrinter) step(s *journey.Step, place string) (*yaml.Node, error) {
	if s.Spec == nil {
		return nil, fmt.Errorf("step %q: the kind %q", s.ID, s.Kind)
	}
	out := syntax.NewMap()
	if s.ID != place {
		syntax.Add(out, "id", syntax.String(s.ID))
	}
	syntax.Add(out, "name", text(s.Name))
	syntax.Add(out, "when", syntax.Expr(s.When))
	var failed error
	printer := syntax.Printer{Arm: func(token string, target int) []*yaml.Node {
		steps, err := p.arm(s, place, token, target)
		if failed == nil {
			failed = err
		}
		return steps
	}}
	printer.Into(out, s.Spec.Fields())
	return out, failed
}
