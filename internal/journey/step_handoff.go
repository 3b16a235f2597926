package journey

var handoffKind = Kind{
	Name: "handoff",
	Form: "`handoff: <queue>`; optional `priority: low, normal, high, urgent`, `note: <Liquid>`, `timeout: 4h`, `outcomes: {resolved: [...]}`, `on_timeout: [...]`",
	Doc: "Puts the customer before the people of a queue and parks until one of them resolves it with an outcome, or until the timeout. " +
		"An outcome that is not listed goes on behind the step. While it is open, marketing to the customer is suppressed.",
	Example: "- handoff: support\n  priority: high\n  note: \"{{ customer.first_name }} waits for order {{ entry.order_id }}\"\n  timeout: 4h\n  outcomes:\n    refunded: [{exit: refunded}]\n  on_timeout: [{wait: 1d}]\n",
	Results: []string{"outcome", "agent", "timed_out"},
	Options: []string{"priority", "note", "timeout", "outcomes", "on_timeout"},
	parse:   parseHandoff,
	decode:  into[Handoff],
}

func parseHandoff(r *stepReader, n *node) Spec {
	spec := &Handoff{Priority: "normal", OnTimeout: End}
	spec.Queue, _ = r.word(n, "the queue of handoff")
	if p := r.get("priority"); p != nil {
		spec.Priority, _ = r.oneOf(p, "priority", Priorities...)
	}
	if note := r.get("note"); note != nil {
		var ok bool
		if spec.Note, ok = r.text(note, "note"); ok {
			r.template(note, false)
		}
	}
	if t := r.get("timeout"); t != nil {
		if d, ok := r.duration(t, "timeout", false); ok && d == 0 {
			r.report(t.pos, "bad-value", "", "nobody can answer a handoff in 0s")
		} else {
			spec.Timeout = d
		}
	}
	if o := r.get("outcomes"); o != nil {
		if m := r.fields(o, "outcomes"); m != nil {
			targets := map[string]*int{}
			for i, key := range o.keys {
				if key.shape != scalar || !key.isText() || key.text == "" {
					r.report(key.pos, "bad-value", "", "an outcome is called by a text")
					continue
				}
				if targets[key.text] == nil {
					targets[key.text] = new(int)
					r.arm(o.values[i], key.text, targets[key.text])
				}
			}
			r.step.outcomes = targets
		}
	}
	r.arm(r.get("on_timeout"), "on_timeout", &spec.OnTimeout)
	return spec
}
