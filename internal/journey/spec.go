package journey

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

// Successors returns the indices of the steps that can follow a step, with End if its path can end there: sorted,
// without repeats.
func Successors(s *Step) []int {
	var out []int
	if spec, ok := s.Spec.(program); ok {
		for _, target := range spec.targets() {
			out = append(out, *target)
		}
	}
	switch s.Spec.(type) {
	case *Wait, *Set, *Send, *Decide, *Handoff, *Emit, *Call:
		out = append(out, s.Next)
	}
	if s.When != "" {
		out = append(out, s.Next)
	}
	if spec, ok := s.Spec.(*Handoff); ok {
		out = slices.AppendSeq(out, maps.Values(spec.Outcomes))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// SendOf returns the message that a step sends: a send, or the question of an ask. It is nil for other steps.
func SendOf(s *Step) *Send {
	switch spec := s.Spec.(type) {
	case *Send:
		return spec
	case *Ask:
		return &spec.Question
	}
	return nil
}

// program is what passes over a whole definition need to know of a spec.
type program interface {
	Spec
	targets() []*int // jump targets except those of Handoff.Outcomes
	exprs() []expr.Expr
}

func (*Wait) targets() []*int      { return nil }
func (w *Wait) exprs() []expr.Expr { return []expr.Expr{w.Until} }

func (w *WaitFor) targets() []*int {
	out := []*int{&w.OnTimeout}
	for i := range w.Arms {
		out = append(out, &w.Arms[i].Then)
	}
	return out
}

func (w *WaitFor) exprs() []expr.Expr {
	var out []expr.Expr
	for _, arm := range w.Arms {
		out = append(out, arm.When)
	}
	return out
}

func (b *Branch) targets() []*int {
	out := []*int{&b.Else}
	for i := range b.Arms {
		out = append(out, &b.Arms[i].Then)
	}
	return out
}

func (b *Branch) exprs() []expr.Expr {
	var out []expr.Expr
	for _, arm := range b.Arms {
		out = append(out, arm.When)
	}
	return out
}

func (s *Split) targets() []*int {
	var out []*int
	for i := range s.Arms {
		out = append(out, &s.Arms[i].Then)
	}
	return out
}
func (*Split) exprs() []expr.Expr { return nil }

func (s *Send) targets() []*int { return []*int{&s.OnBlocked, &s.OnFailure} }
func (s *Send) exprs() []expr.Expr {
	var out []expr.Expr
	for _, key := range slices.Sorted(maps.Keys(s.Data)) {
		out = append(out, s.Data[key])
	}
	return out
}

func (d *Decide) targets() []*int  { return []*int{&d.None} }
func (*Decide) exprs() []expr.Expr { return nil }

func (a *Ask) targets() []*int {
	out := append(a.Question.targets(), &a.OnTimeout)
	for i := range a.Replies {
		out = append(out, &a.Replies[i].Then)
	}
	return out
}
func (a *Ask) exprs() []expr.Expr { return a.Question.exprs() }

func (h *Handoff) targets() []*int  { return []*int{&h.OnTimeout} }
func (*Handoff) exprs() []expr.Expr { return nil }

func (*Set) targets() []*int { return nil }
func (s *Set) exprs() []expr.Expr {
	var out []expr.Expr
	for _, a := range s.Assign {
		out = append(out, a.Value)
	}
	return out
}

func (*Emit) targets() []*int { return nil }
func (e *Emit) exprs() []expr.Expr {
	var out []expr.Expr
	for _, key := range slices.Sorted(maps.Keys(e.Properties)) {
		out = append(out, e.Properties[key])
	}
	return out
}

func (c *Call) targets() []*int  { return []*int{&c.OnFailure} }
func (*Call) exprs() []expr.Expr { return nil }

func (g *GoTo) targets() []*int  { return []*int{&g.To} }
func (*GoTo) exprs() []expr.Expr { return nil }
func (*Exit) targets() []*int    { return nil }
func (*Exit) exprs() []expr.Expr { return nil }

// Validate reports the first thing that would mislead the interpreter: a jump to no step, a repeated id, a spec of the
// wrong kind.
func (d *Definition) Validate() error {
	inside := func(to int) bool { return to >= End && to < len(d.Steps) }
	if d.Journey == "" {
		return fmt.Errorf("the definition has no journey")
	}
	if len(d.Paths) == 0 || d.Paths[0].Name != Main {
		return fmt.Errorf("the definition of %q has no main path", d.Journey)
	}
	for _, p := range d.Paths {
		if !inside(p.Start) {
			return fmt.Errorf("path %q starts at step %d of %d", p.Name, p.Start, len(d.Steps))
		}
	}
	if err := d.validRules(); err != nil {
		return err
	}
	seen := map[string]bool{}
	for i := range d.Steps {
		s := &d.Steps[i]
		spec, ok := s.Spec.(program)
		switch {
		case s.ID == "" || seen[s.ID]:
			return fmt.Errorf("step %d: the id %q is empty or taken", i, s.ID)
		case !ok || spec.Kind() != s.Kind:
			return fmt.Errorf("step %q: no spec of kind %q", s.ID, s.Kind)
		case !inside(s.Next):
			return fmt.Errorf("step %q leads to step %d of %d", s.ID, s.Next, len(d.Steps))
		}
		if err := validSpec(s.Spec); err != nil {
			return fmt.Errorf("step %q: %w", s.ID, err)
		}
		seen[s.ID] = true
		for _, to := range Successors(s) {
			if !inside(to) {
				return fmt.Errorf("step %q leads to step %d of %d", s.ID, to, len(d.Steps))
			}
		}
	}
	return nil
}
