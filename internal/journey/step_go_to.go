package journey

var goToKind = Kind{
	Name:    "go_to",
	Form:    "`go_to: <path>` or `<step id>`",
	Doc:     "Continues at the beginning of a path, or at a step. A cycle must contain a wait.",
	Example: "- id: again\n  wait: 1d\n- when: vars.tries < 3\n  go_to: again\n",
	New:     func() Spec { return &GoTo{} },
}

// GoTo jumps.
type GoTo struct {
	Target string `json:"target"` // as written: a path or a step id
	To     int    `json:"to"`
}

// Kind implements Spec.
func (*GoTo) Kind() string { return "go_to" }

// Describe implements Spec.
func (g *GoTo) Describe() Description {
	return Description{Arms: []Arm{{To: &g.To}}}
}
