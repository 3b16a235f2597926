package journey

import (
	"regexp"
	"strconv"
)

var askKind = Kind{
	Name: "ask",
	Form: "`ask: <message>`, `via:` as of send, `timeout:` (required); `replies:` list of arms `{intent: NAME, then: [...]}`, `{matches: \"<regexp>\", then: [...]}` or `{any: true, then: [...]}`; " +
		"`on_timeout: [...]`; optional `data`, `category`, `topic`, `tone`, `on_blocked: [...]`, `on_failure: [...]` as of send",
	Doc: "Says a message and parks until the customer replies with a `Message Received`, or until the timeout. The first arm that the reply fits is taken; a reply that fits none is left, and the wait goes on. " +
		"Without `replies` any reply goes on behind the step. A question that is blocked or could not be delivered goes the way of `on_blocked` or `on_failure`, and where those are absent that of `on_timeout`.",
	Example: "- id: question\n  ask: cart-reminder\n  via: [push, email]\n  timeout: 24h\n  replies:\n    - {intent: complaint, then: [{handoff: support}]}\n    - {matches: \"(?i)^(yes|ok)\", then: [{exit: agreed}]}\n    - {any: true}\n  on_timeout:\n    - exit: silent\n",
	Results: []string{"text", "intent", "confidence", "timed_out"},
	Options: []string{"via", "timeout", "replies", "on_timeout", "data", "category", "topic", "tone", "on_blocked", "on_failure"},
	parse:   parseAsk,
	decode:  into[Ask],
}

func parseAsk(r *stepReader, n *node) Spec {
	spec := &Ask{Question: Send{Category: Marketing, OnBlocked: End, OnFailure: End}, OnTimeout: End}
	r.saying(n, "ask", &spec.Question)
	if t := r.need("timeout", "ask does not wait for ever"); t != nil {
		if d, ok := r.duration(t, "timeout", false); ok && d == 0 {
			r.report(t.pos, "bad-value", "", "nobody can reply in 0s")
		} else {
			spec.Timeout = d
		}
	}
	if replies := r.get("replies"); replies != nil {
		r.replies(replies, spec)
	} else {
		spec.Replies = []ReplyArm{{Any: true}}
		r.arm(nil, "1", &spec.Replies[0].Then)
	}
	r.arm(r.get("on_timeout"), "on_timeout", &spec.OnTimeout)
	r.armOr(r.get("on_blocked"), "on_blocked", &spec.Question.OnBlocked, &spec.OnTimeout)
	r.armOr(r.get("on_failure"), "on_failure", &spec.Question.OnFailure, &spec.OnTimeout)
	return spec
}

// replies reads the arms of ask.
func (r *stepReader) replies(n *node, spec *Ask) {
	items, ok := r.list(n, "replies")
	if ok && len(items) == 0 {
		r.report(n.pos, "bad-value", "", "replies has no arm")
	}
	spec.Replies = make([]ReplyArm, len(items)) // the arms keep pointers into it
	for i, item := range items {
		token, arm := strconv.Itoa(i+1), &spec.Replies[i]
		m := r.fields(item, "an arm of replies")
		if m == nil {
			r.arm(nil, token, &arm.Then)
			continue
		}
		r.reply(m, arm)
		r.arm(m.get("then"), token, &arm.Then)
		m.done()
	}
}

// reply reads what an arm takes: exactly one of intent, matches and any.
func (r *stepReader) reply(m *fields, arm *ReplyArm) {
	found := ""
	for i, key := range m.node.keys {
		if key.shape != scalar || m.index(key.text) != i {
			continue
		}
		switch key.text {
		case "intent", "matches", "any":
		default:
			continue
		}
		value := m.get(key.text)
		if found != "" {
			r.report(
				key.pos,
				"unknown-key",
				"",
				"an arm of replies has one condition, %s here: put %s into an arm of its own",
				found,
				key.text,
			)
			continue
		}
		found = key.text
		switch key.text {
		case "intent":
			arm.Intent = r.intentName(value)
		case "matches":
			arm.Matches = r.pattern(value)
		case "any":
			if arm.Any = r.boolean(value, "any"); !arm.Any && value.tag == "bool" && !value.quoted {
				r.report(value.pos, "bad-value", "true", "any is true, or is left out")
			}
		}
	}
	m.known = append(m.known, "intent", "matches", "any")
	if found == "" && !m.near("intent") && !m.near("matches") {
		r.report(
			m.node.pos,
			"missing-key",
			"",
			"%q is missing: an arm of replies has an intent, a pattern (matches) or any: true",
			"intent",
		)
	}
}

// pattern reads a regular expression.
func (r *stepReader) pattern(n *node) string {
	text, ok := r.word(n, "matches")
	if !ok {
		return ""
	}
	if _, err := regexp.Compile(text); err != nil {
		r.report(n.pos, "bad-value", "", "matches is no regular expression (RE2): %s", err.Error()[len("error parsing regexp: "):])
	}
	return text
}
