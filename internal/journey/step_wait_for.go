package journey

import "strconv"

var waitForKind = Kind{
	Name: "wait_for",
	Form: "list of arms `{event: NAME or list, when:, then: [...]}`, or one bare arm; beside it `timeout:` (required), `on_timeout: [...]`, `since: entry`",
	Doc: "Parks until an event of an arm comes, or until the timeout. Events that came since the last wait ended count; " +
		"`since: entry` looks back to the entry. Each event is used once.",
	Example: "- id: response\n  wait_for:\n    - {event: Order Completed, then: [{exit: bought}]}\n    - {event: Email Link Clicked, when: event.message == \"cart-reminder\"}\n  timeout: 24h\n  on_timeout:\n    - wait: 1h\n",
	Results: []string{"event", "properties", "timed_out"},
	Options: []string{"timeout", "on_timeout", "since"},
	parse:   parseWaitFor,
	decode:  into[WaitFor],
}

func parseWaitFor(r *stepReader, n *node) Spec {
	spec := &WaitFor{OnTimeout: End}
	items := []*node{n}
	switch {
	case n.isText() && n.text != "":
		r.report(n.pos, "wrong-type", "{event: "+n.text+"}", "wait_for waits for an event: write {event: %s}", n.text)
		items = nil
	case n.shape != mapping:
		list, ok := r.list(n, "wait_for")
		if ok && len(list) == 0 {
			r.report(n.pos, "bad-value", "", "wait_for has no arm")
		}
		items = list
	}
	spec.Arms = make([]EventArm, len(items)) // the arms keep pointers into it
	inside := false                          // timeout stands in an arm
	for i, item := range items {
		if item.isText() && item.text != "" {
			r.report(item.pos, "wrong-type", "{event: "+item.text+"}", "an arm of wait_for waits for an event: write {event: %s}", item.text)
			r.arm(nil, strconv.Itoa(i+1), &spec.Arms[i].Then)
			continue
		}
		m := r.fields(item, "an arm of wait_for")
		if m == nil {
			r.arm(nil, strconv.Itoa(i+1), &spec.Arms[i].Then)
			continue
		}
		event, intent := m.get("event"), m.get("intent")
		switch {
		case intent != nil && event == nil:
			r.report(m.key("intent"), "not-available", "", "this build has no intents yet; wait for an event")
			m.get("above")
			m.get("below")
		case event == nil:
			r.report(item.pos, "missing-key", "", "%q is missing: an arm of wait_for waits for an event", "event")
		default:
			spec.Arms[i].Events, _ = r.words(event, "event")
		}
		spec.Arms[i].When = r.expr(m.get("when"), wantBool)
		r.arm(m.get("then"), strconv.Itoa(i+1), &spec.Arms[i].Then)
		for _, key := range []string{"timeout", "on_timeout", "since"} {
			if m.get(key) != nil {
				r.report(m.key(key), "unknown-key", "", "%s stands beside wait_for, not inside it: write it under the step, as deep as wait_for", key)
				inside = inside || key == "timeout"
			}
		}
		m.done()
	}
	t := r.get("timeout")
	if t == nil && !inside {
		t = r.need("timeout", "wait_for does not wait for ever")
	}
	if t != nil {
		spec.Timeout, _ = r.duration(t, "timeout", false)
	}
	r.arm(r.get("on_timeout"), "on_timeout", &spec.OnTimeout)
	if s := r.get("since"); s != nil {
		spec.Since, _ = r.oneOf(s, "since", "entry")
	}
	return spec
}
