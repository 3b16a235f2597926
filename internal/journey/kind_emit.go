package journey

var emitKind = Kind{
	Name: "emit",
	Form: "`emit: <event name>`; optional `properties: {k: <CEL>}`",
	Doc: "Makes an event of this customer. Every journey hears it, this one too: it lets customers in, satisfies waits, reaches goals. " +
		"A property without a value is left out. A chain of events that follow from each other ends after 10.",
	Example: "- emit: Cart Abandoned\n  properties: {cart_id: entry.cart_id, items: size(entry.items), reason: \"'silence'\"}\n",
	Options: []string{"properties"},
	New:     func() Spec { return &Emit{} },
}
