package journey

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/syntax"
)

// Spec is the part of a step that depends on its kind. Each kind describes itself once, in step_<kind>.go; passes over a
// whole definition use the description and know no kind by name. Implementations are pointers to structs.
type Spec interface {
	Kind() string
	Fields() []syntax.Field // the keys of the step; the first is the kind
	Describe() Description
}

// Description describes a spec: to the passes over a whole definition, and to people.
type Description struct {
	Title    string   // for people: what the step does, as "message cart-reminder"
	Question string   // for people: stands in for the title of a step without a name, as "which is true first?"
	Lines    []string // for people: more about it
	Full     []string // for people: the whole text, if Title and Lines are shortened

	Arms  []Arm // the ways out, in the order in which people see them
	Exprs []Expression

	Events     [][]string // the event names of each rule; an empty rule matches every event
	Levels     []*Level   // the intent levels it waits for
	Intents    []string   // the intents that distinguish replies
	TakesEvent bool       // its expressions see the event it receives, not the current one
	LooksBack  bool       // it takes events that came before it, since the entry

	// The moment until which it waits. A change of the traits that Moment reads, or of the customer's time zone if Local is
	// set, moves the wait.
	Moment expr.Expr
	Local  bool // the moment is in the customer's time zone, unless Moment is a timestamp

	// What an enrollment keeps of a result, because it may be large or private: the fields of steps.<id>.body, and
	// steps.<id>.text, only if an expression names them.
	Body bool
	Text bool

	Sets  []string // what it assigns, as vars.tries or customer.stage
	Queue string   // it opens a hand-off in this queue

	// The messages that a release must hold while an enrollment is in the journey.
	Messages        []Saying
	Groups, Actions []string
	Topic           string // of the message that it sends; empty: none

	Parks bool // an enrollment waits there, so a cycle through it is not endless
	Stays bool // an enrollment may be there for long without parking, because it retries
	Says  bool // it sends a message
	Forks bool // its point is which way it takes: drawings label even the only way

	Shares []float64 // it deals customers to its arms by these weights and the id of the step

	Jump    string // the path or step it jumps to, as written; its only arm leads there
	Outcome string // it ends the enrollment with this outcome, and has no arm
}

// Chooses reports whether a step of a kind only takes one of its arms, at once.
func (d *Description) Chooses() bool { return d.Forks && !d.Parks && !d.Stays }

// Item is implemented by the items of a list in a spec that have a name, by which a diff recognizes them. A field of a spec
// has the key of its tag `key` in a diff, otherwise its JSON name; "-" leaves it out, and "send: false" is how a flag is
// written.
type Item interface{ Item() (name, text string) }

// Saying is a message that a step sends.
type Saying struct {
	Message string
	Via     []string // empty: the message's channels
}

// Arm is a way out of a step.
type Arm struct {
	Key     string // its name in step visits and coverage; empty: the way of a visit that names none
	To      *int   // index of its first step; the step's Next if it has none. nil: it always leads after the step
	Instead *int   // where it leads if it is absent; nil: after the step
	Always  bool   // it is a separate arm even if it leads after the step
	Never   bool   // it cannot be taken: on_timeout of a step without a timeout
	Other   bool   // it is also the way of visits that name an arm which the step does not have
	Label   string // for people, in a few words; empty: nothing to say
	Full    string // for people, in whole
}

// Target returns the index of the step to which an arm of s leads, or End.
func (a *Arm) Target(s *Step) int {
	if a.To == nil {
		return s.Next
	}
	return *a.To
}

// Arms that several kinds have.
func armTimeout(to *int, after time.Duration, full string) Arm {
	return Arm{
		Key: ArmTimeout, To: to, Never: after <= 0,
		Label: "after " + human.Duration(after), Full: full + " within " + human.Duration(after),
	}
}

func armBlocked(to, instead *int) Arm {
	return Arm{Key: ArmBlocked, To: to, Instead: instead, Label: "blocked", Full: "the contact policy does not permit it"}
}

func armFailed(to, instead *int, full string) Arm {
	return Arm{Key: ArmFailure, To: to, Instead: instead, Label: "failed", Full: full}
}

// exprLength bounds a condition in a title or a label, in characters.
const exprLength = 64

func short(e expr.Expr) string { return human.Shorten(string(e), exprLength) }

// Keys of arms that designers neither number nor name.
const (
	ArmSkipped = "skipped" // of a step whose `when` was not true; in no description
	ArmElse    = "else"
	ArmTimeout = "on_timeout"
	ArmBlocked = "on_blocked"
	ArmFailure = "on_failure"
	ArmNone    = "none"
)

// ArmNumber returns the key of the arm without a name at index i of a list. Arms count from 1 wherever people see them: in
// step visits, reports, drawings, coverage, diffs, `arms:` of scenarios and the Temporal UI. Only steps.<id>.arm, which
// expressions read, counts from 0.
func ArmNumber(i int) string { return strconv.Itoa(i + 1) }

// ArmLabel returns the key of an arm for people: "arm 2" for a number, otherwise the key.
func ArmLabel(key string) string {
	if _, err := strconv.ParseUint(key, 10, 32); err == nil {
		return "arm " + key
	}
	return key
}

// Expression is an expression at a key of a step.
type Expression struct {
	Key  string
	Expr expr.Expr
	Want expr.Want
}

// sortedExprs returns the expressions of a mapping, sorted by key.
func sortedExprs(by map[string]expr.Expr) []Expression {
	var out []Expression
	for _, key := range slices.Sorted(maps.Keys(by)) {
		out = append(out, Expression{key, by[key], expr.Any})
	}
	return out
}

// Describe returns the description of the step's spec; it is empty if the step has none.
func (s *Step) Describe() Description {
	if s.Spec == nil {
		return Description{}
	}
	return s.Spec.Describe()
}

// ArmKeys returns the keys of the step's arms that a journey file can contain, in the order of the file.
func (s *Step) ArmKeys() []string {
	var out []string
	for _, arm := range s.Describe().Arms {
		to := arm.Target(s)
		absent := to == s.Next || arm.Instead != nil && to == *arm.Instead
		if arm.Key != "" && !arm.Never && (arm.Always || !absent) {
			out = append(out, arm.Key)
		}
	}
	return out
}

// Successors returns the indices of the steps that can follow a step, with End if its path can end there: sorted,
// without repeats.
func Successors(s *Step) []int {
	var out []int
	for _, arm := range s.Describe().Arms {
		if !arm.Never {
			out = append(out, arm.Target(s))
		}
	}
	if s.When != "" {
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
