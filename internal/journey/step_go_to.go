package journey

import "github.com/tabi-journeys/tabi/internal/journey/syntax"

var goToKind = Kind{
	Name:    "go_to",
	Family:  Jumping,
	Icon:    "M3 3v5a3 3 0 0 0 3 3h7M10 8l3 3-3 3",
	Form:    "`go_to: <path>` or `<step id>`",
	Doc:     "Continues at the beginning of a path, or at a step. A cycle must contain a wait.",
	Example: "- id: again\n  wait: 1d\n- when: vars.tries < 3\n  go_to: again\n",
	New:     func() Spec { return &GoTo{} },
}

// GoTo continues the journey at another path or step.
type GoTo struct {
	Target string `json:"target"` // as written: a path or a step id
	To     int    `json:"to" key:"-"`
}

// Kind implements Spec.
func (*GoTo) Kind() string { return "go_to" }

// Fields implements Spec.
func (g *GoTo) Fields() []syntax.Field {
	return []syntax.Field{{Key: "go_to", What: "the target of go_to", Value: syntax.Target{Name: &g.Target, To: &g.To}}}
}

// Describe implements Spec.
func (g *GoTo) Describe() Description {
	return Description{Title: g.Target, Arms: []Arm{{To: &g.To}}, Jump: g.Target}
}
