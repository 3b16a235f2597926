package lint

import (
	"regexp"
	"strconv"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

func parseAsk(r *stepReader, n *source.Node) journey.Spec {
	spec := &journey.Ask{Question: journey.Send{Category: journey.Marketing, OnBlocked: journey.End, OnFailure: journey.End},
		OnTimeout: journey.End}
	r.saying(n, "ask", &spec.Question)
	if t := r.need("timeout", "ask does not wait for ever"); t != nil {
		if d, ok := r.Duration(t, "timeout", false); ok && d == 0 {
			r.Report(t.Pos, "bad-value", "", "nobody can reply in 0s")
		} else {
			spec.Timeout = d
		}
	}
	if replies := r.get("replies"); replies != nil {
		r.replies(replies, spec)
	} else {
		spec.Replies = []journey.ReplyArm{{Any: true}}
		r.arm(nil, "1", &spec.Replies[0].Then)
	}
	r.arm(r.get("on_timeout"), "on_timeout", &spec.OnTimeout)
	r.armOr(r.get("on_blocked"), "on_blocked", &spec.Question.OnBlocked, &spec.OnTimeout)
	r.armOr(r.get("on_failure"), "on_failure", &spec.Question.OnFailure, &spec.OnTimeout)
	return spec
}

// replies reads the arms of ask.
func (r *stepReader) replies(n *source.Node, spec *journey.Ask) {
	items, ok := r.List(n, "replies")
	if ok && len(items) == 0 {
		r.Report(n.Pos, "bad-value", "", "replies has no arm")
	}
	spec.Replies = make([]journey.ReplyArm, len(items)) // the arms keep pointers into it
	for i, item := range items {
		token, arm := strconv.Itoa(i+1), &spec.Replies[i]
		m := r.Mapping(item, "an arm of replies")
		if m == nil {
			r.arm(nil, token, &arm.Then)
			continue
		}
		r.reply(m, arm)
		r.arm(m.Get("then"), token, &arm.Then)
		m.Done()
	}
}

// reply reads the condition of an arm: exactly one of intent, matches and any.
func (r *stepReader) reply(m *source.Mapping, arm *journey.ReplyArm) {
	found := ""
	for i, key := range m.Node.Keys {
		if key.Shape != source.Scalar || m.Index(key.Text) != i {
			continue
		}
		switch key.Text {
		case "intent", "matches", "any":
		default:
			continue
		}
		value := m.Get(key.Text)
		if found != "" {
			r.Report(
				key.Pos,
				"unknown-key",
				"",
				"an arm of replies has one condition, %s here: put %s into an arm of its own",
				found,
				key.Text,
			)
			continue
		}
		found = key.Text
		switch key.Text {
		case "intent":
			arm.Intent = r.intentName(value)
		case "matches":
			arm.Matches = r.pattern(value)
		case "any":
			if arm.Any = r.Boolean(value, "any"); !arm.Any && value.Tag == "bool" && !value.Quoted {
				r.Report(value.Pos, "bad-value", "true", "any is true, or is left out")
			}
		}
	}
	m.Known = append(m.Known, "intent", "matches", "any")
	if found == "" && !m.Near("intent") && !m.Near("matches") {
		r.Report(
			m.Node.Pos,
			"missing-key",
			"",
			"%q is missing: an arm of replies has an intent, a pattern (matches) or any: true",
			"intent",
		)
	}
}

// pattern reads a regular expression.
func (r *stepReader) pattern(n *source.Node) string {
	text, ok := r.Word(n, "matches")
	if !ok {
		return ""
	}
	if _, err := regexp.Compile(text); err != nil {
		r.Report(n.Pos, "bad-value", "", "matches is no regular expression (RE2): %s", err.Error()[len("error parsing regexp: "):])
	}
	return text
}
