package journey

var handoffKind = Kind{
	Name: "handoff",
	Form: "`handoff: <queue>`; optional `priority: low, normal, high, urgent`, `note: <Liquid>`, `timeout: 4h`, `outcomes: {resolved: [...]}`, `on_timeout: [...]`",
	Doc: "Puts the customer before the people of a queue and parks until one of them resolves it with an outcome, or until the timeout. " +
		"An outcome that is not listed goes on behind the step. While it is open, marketing to the customer is suppressed.",
	Example: "- handoff: support\n  priority: high\n  note: \"{{ customer.first_name }} waits for order {{ entry.order_id }}\"\n  timeout: 4h\n  outcomes:\n    refunded: [{exit: refunded}]\n  on_timeout: [{wait: 1d}]\n",
	Results: []string{"outcome", "agent", "timed_out"},
	Options: []string{"priority", "note", "timeout", "outcomes", "on_timeout"},
	New:     func() Spec { return &Handoff{} },
}
