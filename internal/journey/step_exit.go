package journey

import "github.com/tabi-journeys/tabi/internal/journey/syntax"

var exitKind = Kind{
	Name:    "exit",
	Family:  Ending,
	Icon:    "M6 3H3v10h3M6 8h8M11 5l3 3-3 3",
	Form:    "`exit: <outcome>`",
	Doc:     "Ends the enrollment with this outcome.",
	Example: "- exit: declined\n",
	New:     func() Spec { return &Exit{} },
}

// Exit ends the enrollment with Outcome.
type Exit struct {
	Outcome string `json:"outcome"`
}

// Kind implements Spec.
func (*Exit) Kind() string { return "exit" }

// Fields implements Spec.
func (e *Exit) Fields() []syntax.Field {
	return []syntax.Field{{Key: "exit", What: "the outcome of exit", Value: syntax.Word{To: &e.Outcome}}}
}

// Describe implements Spec.
func (e *Exit) Describe() Description {
	return Description{Title: e.Outcome, Outcome: e.Outcome}
}
