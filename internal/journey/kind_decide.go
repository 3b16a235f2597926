package journey

var decideKind = Kind{
	Name: "decide",
	Form: "`decide: <group>` or a list of action names; optional `send: false` (only chooses), `via:` a channel or a list (narrows), `none: [...]`",
	Doc: "Chooses the next best action of a group, or of those named: eligible, applicable, suitable, permitted by the contact policy, and then the highest priority. " +
		"Its message is sent at once on the channel it won with, and its accept window opens. `none` runs where nothing is chosen; otherwise the journey goes on behind the step, " +
		"also where the send failed. With `send: false` it only chooses.",
	Example: "- id: offer\n  decide: retention\n  via: [email, push]\n  none:\n    - send: cart-reminder\n- id: idea\n  decide: [loyalty-discount, cart-help]\n  send: false\n",
	Results: []string{"action", "channel", "propensity", "priority", "status", "reason"},
	Options: []string{"send", "via", "none"},
	New:     func() Spec { return &Decide{} },
}
