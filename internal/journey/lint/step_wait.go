package lint

import (
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

func parseWait(r *stepReader, n *source.Node) journey.Spec {
	spec := &journey.Wait{}
	if n.Shape != source.Map {
		spec.Duration, _ = r.Duration(n, "wait", false)
		return spec
	}
	return parseUntil(r, r.Mapping(n, "wait"), spec)
}

func parseUntil(r *stepReader, m *source.Mapping, spec *journey.Wait) journey.Spec {
	if m == nil {
		return spec
	}
	until := m.Need("until", "a wait is a duration, or says until when")
	text := until != nil && until.IsText()
	clock := text && clockLike.MatchString(until.Text)
	switch {
	case clock:
		spec.At, _ = r.localTime(until, "until")
	case text && dateLike.MatchString(until.Text):
		r.Report(until.At(0), "bad-expression", `"'`+until.Text+`'"`, "a date needs quotes inside the quotes")
	default:
		spec.Until = r.expr(until, expr.Moment)
	}
	if n := m.Get("days"); n != nil {
		if until != nil && !clock {
			r.Report(
				m.Key("days"),
				"unknown-key",
				"",
				"days belongs to a time of day, such as until: \"09:00\"; this wait is until a moment",
			)
		} else {
			spec.Days = r.days(n)
		}
	}
	if n := m.Get("offset"); n != nil {
		if clock {
			r.Report(
				m.Key("offset"),
				"unknown-key",
				"",
				"offset moves a moment such as customer.trial_ends_at; write the time of day that you mean",
			)
		} else {
			spec.Offset, _ = r.Duration(n, "offset", true)
		}
	}
	if n := m.Get("timezone"); n != nil {
		spec.Timezone = r.zone(n)
	}
	m.Done()
	return spec
}
