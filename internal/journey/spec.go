package journey

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

// Spec is what a step of a kind says. A kind says each thing once, in its file step_<kind>.go; the passes over a whole
// definition ask for it and know no kind by name. Implementations are pointers to structs.
type Spec interface {
	Kind() string
	Describe() Description
}

// Description is what a spec says of itself.
type Description struct {
	Arms  []Arm // the ways out that the kind names, in the order of the file
	Exprs []Expression

	Events     [][]string // the rules by which it hears events, each by name; an empty rule hears every event
	Levels     []*Level   // the levels of intents that it waits for
	Intents    []string   // the intents that it tells replies apart by
	TakesEvent bool       // its expressions see the event that it takes, not the one at hand

	// What a release must hold while an enrollment is in the journey.
	Messages        []Saying
	Groups, Actions []string

	Parks  bool // an enrollment waits there, so a cycle through it is no endless loop
	Stays  bool // an enrollment may be there for long without parking: what it does outside is tried again
	Says   bool // it sends a message
	GoesOn bool // it may lead behind the step without an arm
	Ends   bool // it ends the enrollment
}

// Saying is a message that a step sends.
type Saying struct {
	Message string
	Via     []string // empty: the message's channels
}

// Arm is a way out of a step.
type Arm struct {
	Key     string // as step visits and coverage name it; empty: the kind has one way out
	To      *int   // index of its first step; where it has none, the step's Next
	Instead *int   // where it leads if it is absent; nil: behind the step
	Always  bool   // it is an arm of its own even where it leads behind the step
}

// Keys of arms that several kinds have.
const (
	ArmElse    = "else"
	ArmTimeout = "on_timeout"
	ArmBlocked = "on_blocked"
	ArmFailure = "on_failure"
	ArmNone    = "none"
)

// Expression is an expression at a key of a step.
type Expression struct {
	Key  string
	Expr expr.Expr
	Want expr.Want
}

// sortedExprs are the expressions of a mapping, by key.
func sortedExprs(by map[string]expr.Expr) []Expression {
	var out []Expression
	for _, key := range slices.Sorted(maps.Keys(by)) {
		out = append(out, Expression{key, by[key], expr.Any})
	}
	return out
}

// Describe returns what the step's spec says of itself; nothing where the step has none.
func (s *Step) Describe() Description {
	if s.Spec == nil {
		return Description{}
	}
	return s.Spec.Describe()
}

// ArmKeys are the keys of the arms that a journey file writes out for the step, in the order of the file.
func (s *Step) ArmKeys() []string {
	var out []string
	for _, arm := range s.Describe().Arms {
		absent := *arm.To == s.Next || arm.Instead != nil && *arm.To == *arm.Instead
		if arm.Key != "" && (arm.Always || !absent) {
			out = append(out, arm.Key)
		}
	}
	return out
}

// Successors returns the indices of the steps that can follow a step, with End if its path can end there: sorted,
// without repeats.
func Successors(s *Step) []int {
	var out []int
	d := s.Describe()
	for _, arm := range d.Arms {
		out = append(out, *arm.To)
	}
	if d.GoesOn || s.When != "" {
		out = append(out, s.Next)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

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
		switch {
		case s.ID == "" || seen[s.ID]:
			return fmt.Errorf("step %d: the id %q is empty or taken", i, s.ID)
		case s.Spec == nil || s.Spec.Kind() != s.Kind:
			return fmt.Errorf("step %q: no spec of kind %q", s.ID, s.Kind)
		case !inside(s.Next):
			return fmt.Errorf("step %q leads to step %d of %d", s.ID, s.Next, len(d.Steps))
		}
		if spec, ok := s.Spec.(interface{ valid() error }); ok {
			if err := spec.valid(); err != nil {
				return fmt.Errorf("step %q: %w", s.ID, err)
			}
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
