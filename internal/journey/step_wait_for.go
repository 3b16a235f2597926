package journey

import "strconv"

var waitForKind = Kind{
	Name: "wait_for",
	Form: "list of arms `{event: NAME or list, when:, then: [...]}`, `{intent: NAME, above: X, then: [...]}`, `{intent: NAME, below: X, then: [...]}`, or one bare arm; beside it `timeout:` (required), `on_timeout: [...]`, `since: entry`",
	Doc: "Parks until an event of an arm comes, or until the timeout. Events that came since the last wait ended count; " +
		"`since: entry` looks back to the entry. Each event is used once. An arm of an intent is a level: it is taken when the score is above or below its threshold, " +
		"when the wait begins, on an event, or when the score fades below.",
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
			r.report(
				item.pos,
				"wrong-type",
				"{event: "+item.text+"}",
				"an arm of wait_for waits for an event: write {event: %s}",
				item.text,
			)
			r.arm(nil, strconv.Itoa(i+1), &spec.Arms[i].Then)
			continue
		}
		m := r.fields(item, "an arm of wait_for")
		if m == nil {
			r.arm(nil, strconv.Itoa(i+1), &spec.Arms[i].Then)
			continue
		}
		r.await(m, &spec.Arms[i])
		r.arm(m.get("then"), strconv.Itoa(i+1), &spec.Arms[i].Then)
		for _, key := range []string{"timeout", "on_timeout", "since"} {
			if m.get(key) != nil {
				r.report(
					m.key(key),
					"unknown-key",
					"",
					"%s stands beside wait_for, not inside it: write it under the step, as deep as wait_for",
					key,
				)
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

// await reads what an arm of wait_for waits for: an event, or an intent.
func (r *stepReader) await(m *fields, arm *EventArm) {
	event, intent, when := m.get("event"), m.get("intent"), m.get("when")
	if intent != nil {
		arm.Level = r.level(m, intent, "an arm")
		for _, key := range []string{"event", "when"} {
			if m.index(key) >= 0 {
				r.report(
					m.key(key),
					"unknown-key",
					"",
					"an arm of wait_for waits for an intent or for an event: put %s into an arm of its own",
					key,
				)
			}
		}
		return
	}
	switch {
	case event == nil && r.threshold(m):
		r.report(m.node.pos, "missing-key", "", "%q is missing: above and below are scores of an intent", "intent")
	case event == nil:
		r.report(m.node.pos, "missing-key", "", "%q is missing: an arm of wait_for waits for an event, or for an intent", "event")
	default:
		arm.Events, _ = r.words(event, "event")
	}
	arm.When = r.expr(when, wantBool)
}
