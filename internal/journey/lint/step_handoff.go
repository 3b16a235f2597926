package lint

import (
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

func parseHandoff(r *stepReader, n *source.Node) journey.Spec {
	spec := &journey.Handoff{Priority: "normal", OnTimeout: journey.End}
	spec.Queue, _ = r.Word(n, "the queue of handoff")
	if p := r.get("priority"); p != nil {
		spec.Priority, _ = r.OneOf(p, "priority", journey.Priorities...)
	}
	if note := r.get("note"); note != nil {
		var ok bool
		if spec.Note, ok = r.Text(note, "note"); ok {
			r.template(note, false)
		}
	}
	if t := r.get("timeout"); t != nil {
		if d, ok := r.Duration(t, "timeout", false); ok && d == 0 {
			r.Report(t.Pos, "bad-value", "", "nobody can answer a handoff in 0s")
		} else {
			spec.Timeout = d
		}
	}
	if o := r.get("outcomes"); o != nil {
		if m := r.Mapping(o, "outcomes"); m != nil {
			spec.Outcomes = map[string]*int{}
			for i, key := range o.Keys {
				if key.Shape != source.Scalar || !key.IsText() || key.Text == "" {
					r.Report(key.Pos, "bad-value", "", "an outcome is called by a text")
					continue
				}
				if spec.Outcomes[key.Text] == nil {
					spec.Outcomes[key.Text] = new(int)
					r.arm(o.Values[i], key.Text, spec.Outcomes[key.Text])
				}
			}
		}
	}
	r.arm(r.get("on_timeout"), "on_timeout", &spec.OnTimeout)
	return spec
}
