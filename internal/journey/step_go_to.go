package journey

var goToKind = Kind{
	Name:    "go_to",
	Form:    "`go_to: <path>` or `<step id>`",
	Doc:     "Goes on at the beginning of a path, or at a step. A cycle must wait somewhere.",
	Example: "- id: again\n  wait: 1d\n- when: vars.tries < 3\n  go_to: again\n",
	parse:   parseGoTo,
	decode:  into[GoTo],
}

func parseGoTo(r *stepReader, n *node) Spec {
	spec := &GoTo{To: End}
	r.step.targetAt = n.pos
	if target, ok := r.word(n, "the target of go_to"); ok {
		spec.Target = target
	}
	return spec
}
