package journey

var waitKind = Kind{
	Name: "wait",
	Form: "`wait: 2h` · `wait: {until: \"09:00\", days: [mon, tue], timezone: customer}` · `wait: {until: customer.trial_ends_at, offset: -2d}`",
	Doc: "Parks for a duration, until a time of day on some days of the week, or until a moment: a timestamp, an RFC 3339 text, or a date " +
		"(midnight in `timezone`, by default the customer's). `offset` moves the moment. A moment that is past, missing or unreadable does not park. " +
		"No wait outlives the journey's `timeout`.",
	Example: "- wait: 1h30m\n- wait: {until: \"09:00\", days: [mon, tue, wed, thu, fri]}\n- wait: {until: customer.trial_ends_at, offset: -2d}\n",
	parse:   parseWait,
	decode:  into[Wait],
}

func parseWait(r *stepReader, n *node) Spec {
	spec := &Wait{}
	if n.shape != mapping {
		spec.Duration, _ = r.duration(n, "wait", false)
		return spec
	}
	return parseUntil(r, r.fields(n, "wait"), spec)
}

func parseUntil(r *stepReader, m *fields, spec *Wait) Spec {
	if m == nil {
		return spec
	}
	until := m.need("until", "a wait is a duration, or says until when")
	text := until != nil && until.isText()
	clock := text && clockLike.MatchString(until.text)
	switch {
	case clock:
		spec.At, _ = r.localTime(until, "until")
	case text && dateLike.MatchString(until.text):
		r.report(until.at(0), "bad-expression", `"'`+until.text+`'"`, "a date needs quotes inside the quotes")
	default:
		spec.Until = r.expr(until, wantMoment)
	}
	if n := m.get("days"); n != nil {
		if until != nil && !clock {
			r.report(
				m.key("days"),
				"unknown-key",
				"",
				"days belongs to a time of day, such as until: \"09:00\"; this wait is until a moment",
			)
		} else {
			spec.Days = r.days(n)
		}
	}
	if n := m.get("offset"); n != nil {
		if clock {
			r.report(
				m.key("offset"),
				"unknown-key",
				"",
				"offset moves a moment such as customer.trial_ends_at; write the time of day that you mean",
			)
		} else {
			spec.Offset, _ = r.duration(n, "offset", true)
		}
	}
	if n := m.get("timezone"); n != nil {
		spec.Timezone = r.zone(n)
	}
	m.done()
	return spec
}
