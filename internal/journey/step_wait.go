package journey

import (
	"regexp"
	"time"
)

var waitKind = Kind{
	Name: "wait",
	Form: "`wait: 2h` · `wait: {until: customer.trial_ends_at, offset: -2d, timezone: Asia/Tokyo}`",
	Doc: "Parks for a duration, or until a moment: a timestamp, an RFC 3339 text, or a date (midnight in `timezone`, by default the customer's). " +
		"`offset` moves the moment. A moment that is past, missing or unreadable does not park. No wait outlives the journey's `timeout`.",
	Example: "- wait: 1h30m\n- wait: {until: customer.trial_ends_at, offset: -2d}\n",
	parse:   parseWait,
	decode:  into[Wait],
}

// clockTime is a time of day as `until` takes it.
var clockTime = regexp.MustCompile(`^\d{1,2}:\d{2}(:\d{2})?$`)

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
	if days := m.get("days"); days != nil && (until == nil || !clockTime.MatchString(until.text)) {
		r.report(m.key("days"), "not-available", "", "days belong to a clock time, which this build does not wait for yet")
	}
	if until != nil && until.shape == scalar && clockTime.MatchString(until.text) {
		r.report(until.pos, "not-available", "", "this build does not wait for a clock time yet")
	} else {
		spec.Until = r.expr(until, wantMoment)
	}
	if n := m.get("offset"); n != nil {
		spec.Offset, _ = r.duration(n, "offset", true)
	}
	if n := m.get("timezone"); n != nil {
		if zone, ok := r.word(n, "timezone"); ok && zone != "customer" {
			if _, err := time.LoadLocation(zone); err != nil || zone == "Local" {
				r.report(n.pos, "bad-value", "", "%q is no time zone: write customer or an IANA name such as Asia/Tokyo", zone)
			} else {
				spec.Timezone = zone
			}
		}
	}
	m.done()
	return spec
}
