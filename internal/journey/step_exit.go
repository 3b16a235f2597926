package journey

var exitKind = Kind{
	Name:    "exit",
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

// Describe implements Spec.
func (*Exit) Describe() Description {
	return Description{Ends: true}
}
