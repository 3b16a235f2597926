package journey

var exitKind = Kind{
	Name:    "exit",
	Form:    "`exit: <outcome>`",
	Doc:     "Ends the instance with this outcome.",
	Example: "- exit: declined\n",
	New:     func() Spec { return &Exit{} },
}
