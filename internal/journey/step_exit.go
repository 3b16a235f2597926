package journey

var exitKind = Kind{
	Name:    "exit",
	Form:    "`exit: <outcome>`",
	Doc:     "Ends the instance with this outcome.",
	Example: "- exit: declined\n",
	parse:   parseExit,
	decode:  into[Exit],
}

func parseExit(r *stepReader, n *node) Spec {
	spec := &Exit{}
	spec.Outcome, _ = r.word(n, "the outcome of exit")
	return spec
}
