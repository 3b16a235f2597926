package journey

var emitKind = Kind{
	Name: "emit",
	Form: "`emit: <event name>`; optional `properties: {k: <CEL>}`",
	Doc: "Makes an event of this customer. Every journey hears it, this one too: it lets customers in, satisfies waits, reaches goals. " +
		"A property without a value is left out. A chain of events that follow from each other ends after 10.",
	Example: "- emit: Cart Abandoned\n  properties: {cart_id: entry.cart_id, items: size(entry.items), reason: \"'silence'\"}\n",
	Options: []string{"properties"},
	parse:   parseEmit,
	decode:  into[Emit],
}

func parseEmit(r *stepReader, n *node) Spec {
	spec := &Emit{}
	spec.Event, _ = r.word(n, "the event of emit")
	properties := r.get("properties")
	if properties == nil {
		return spec
	}
	m := r.fields(properties, "properties")
	if m == nil {
		return spec
	}
	for i, key := range properties.keys {
		switch {
		case m.index(key.text) != i && key.shape == scalar: // a duplicate
		case m.cut(i, false):
		case key.shape != scalar || !key.isText() || key.text == "":
			r.report(key.pos, "bad-value", "", "a property is called by a text")
		default:
			if spec.Properties == nil {
				spec.Properties = map[string]Expr{}
			}
			spec.Properties[key.text] = r.expr(properties.values[i], wantAny)
		}
	}
	return spec
}
