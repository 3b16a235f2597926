package journey

var waitForKind = Kind{
	Name: "wait_for",
	Form: "list of arms `{event: NAME or list, when:, then: [...]}`, `{intent: NAME, above: X, then: [...]}`, `{intent: NAME, below: X, then: [...]}`, or one bare arm; beside it `timeout:` (required), `on_timeout: [...]`, `since: entry`",
	Doc: "Parks until an event of an arm comes, or until the timeout. Events that came since the last wait ended count; " +
		"`since: entry` looks back to the entry. Each event is used once. An arm of an intent is a level: it is taken when the score is above or below its threshold, " +
		"when the wait begins, on an event, or when the score fades below.",
	Example: "- id: response\n  wait_for:\n    - {event: Order Completed, then: [{exit: bought}]}\n    - {event: Email Link Clicked, when: event.message == \"cart-reminder\"}\n  timeout: 24h\n  on_timeout:\n    - wait: 1h\n",
	Results: []string{"event", "properties", "timed_out"},
	Options: []string{"timeout", "on_timeout", "since"},
	New:     func() Spec { return &WaitFor{} },
}
