package lint

import (
	"strconv"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

func parseWaitFor(r *stepReader, n *source.Node) journey.Spec {
	spec := &journey.WaitFor{OnTimeout: journey.End}
	items := []*source.Node{n}
	switch {
	case n.IsText() && n.Text != "":
		r.Report(n.Pos, "wrong-type", "{event: "+n.Text+"}", "wait_for waits for an event: write {event: %s}", n.Text)
		items = nil
	case n.Shape != source.Map:
		list, ok := r.List(n, "wait_for")
		if ok && len(list) == 0 {
			r.Report(n.Pos, "bad-value", "", "wait_for has no arm")
		}
		items = list
	}
	spec.Arms = make([]journey.EventArm, len(items)) // the arms keep pointers into it
	inside := false                                  // an arm contains timeout
	for i, item := range items {
		if item.IsText() && item.Text != "" {
			r.Report(
				item.Pos,
				"wrong-type",
				"{event: "+item.Text+"}",
				"an arm of wait_for waits for an event: write {event: %s}",
				item.Text,
			)
			r.arm(nil, strconv.Itoa(i+1), &spec.Arms[i].Then)
			continue
		}
		m := r.Mapping(item, "an arm of wait_for")
		if m == nil {
			r.arm(nil, strconv.Itoa(i+1), &spec.Arms[i].Then)
			continue
		}
		r.await(m, &spec.Arms[i])
		r.arm(m.Get("then"), strconv.Itoa(i+1), &spec.Arms[i].Then)
		for _, key := range []string{"timeout", "on_timeout", "since"} {
			if m.Get(key) != nil {
				r.Report(
					m.Key(key),
					"unknown-key",
					"",
					"%s stands beside wait_for, not inside it: write it under the step, as deep as wait_for",
					key,
				)
				inside = inside || key == "timeout"
			}
		}
		m.Done()
	}
	t := r.get("timeout")
	if t == nil && !inside {
		t = r.need("timeout", "wait_for does not wait for ever")
	}
	if t != nil {
		spec.Timeout, _ = r.Duration(t, "timeout", false)
	}
	r.arm(r.get("on_timeout"), "on_timeout", &spec.OnTimeout)
	if s := r.get("since"); s != nil {
		spec.Since, _ = r.OneOf(s, "since", "entry")
	}
	return spec
}

// await reads what an arm of wait_for waits for: an event, or an intent.
func (r *stepReader) await(m *source.Mapping, arm *journey.EventArm) {
	event, intent, when := m.Get("event"), m.Get("intent"), m.Get("when")
	if intent != nil {
		arm.Level = r.level(m, intent, "an arm")
		for _, key := range []string{"event", "when"} {
			if m.Index(key) >= 0 {
				r.Report(
					m.Key(key),
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
		r.Report(m.Node.Pos, "missing-key", "", "%q is missing: above and below are scores of an intent", "intent")
	case event == nil:
		r.Report(m.Node.Pos, "missing-key", "", "%q is missing: an arm of wait_for waits for an event, or for an intent", "event")
	default:
		arm.Events, _ = r.Words(event, "event")
	}
	arm.When = r.expr(when, expr.Bool)
}
