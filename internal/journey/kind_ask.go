package journey

var askKind = Kind{
	Name: "ask",
	Form: "`ask: <message>`, `via:` as of send, `timeout:` (required); `replies:` list of arms `{intent: NAME, then: [...]}`, `{matches: \"<regexp>\", then: [...]}` or `{any: true, then: [...]}`; " +
		"`on_timeout: [...]`; optional `data`, `category`, `topic`, `tone`, `on_blocked: [...]`, `on_failure: [...]` as of send",
	Doc: "Says a message and parks until the customer replies with a `Message Received`, or until the timeout. The first arm that the reply fits is taken; a reply that fits none is left, and the wait goes on. " +
		"Without `replies` any reply goes on behind the step. A question that is blocked or could not be delivered goes the way of `on_blocked` or `on_failure`, and where those are absent that of `on_timeout`.",
	Example: "- id: question\n  ask: cart-reminder\n  via: [push, email]\n  timeout: 24h\n  replies:\n    - {intent: complaint, then: [{handoff: support}]}\n    - {matches: \"(?i)^(yes|ok)\", then: [{exit: agreed}]}\n    - {any: true}\n  on_timeout:\n    - exit: silent\n",
	Results: []string{"text", "intent", "confidence", "timed_out"},
	Options: []string{"via", "timeout", "replies", "on_timeout", "data", "category", "topic", "tone", "on_blocked", "on_failure"},
	New:     func() Spec { return &Ask{} },
}
