package journey

var sendKind = Kind{
	Name: "send",
	Form: "`send: <message>`, `via:` a channel, `best` (default: the channel the customer answers most, of those permitted) or a list (the first permitted); optional `data: {k: <CEL>}`, `category: marketing` (default) or `transactional`, `topic:`, `tone:`, `on_blocked: [...]`, `on_failure: [...]`",
	Doc: "Says a message on one channel: the first of a list that is permitted, or, with `best` and without `via`, the one that the customer answers most of those permitted. " +
		"In quiet hours it waits for their end, if the policy says so. `on_blocked` runs where the policy forbids it on every channel, `on_failure` where it could not be delivered; " +
		"otherwise the journey goes on behind the step.",
	Example: "- id: nudge\n  send: cart-reminder\n  via: [push, email]\n  data: {left: size(entry.items)}\n  on_failure: [{exit: unreachable}]\n",
	Results: []string{"status", "reason", "channel"},
	Options: []string{"via", "data", "category", "topic", "tone", "on_blocked", "on_failure"},
	New:     func() Spec { return &Send{} },
}
