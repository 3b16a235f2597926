package lint

import (
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

func parseActivity(r *stepReader, n *source.Node) journey.Spec {
	spec := &journey.Activity{OnFailure: journey.End}
	r.arm(r.get("on_failure"), "on_failure", &spec.OnFailure)
	for _, key := range []string{"task_queue", "input", "timeout", "retry_for"} {
		if r.get(key) != nil {
			r.Report(r.keys.Key(key), "unknown-key", "", "%s stands inside activity: write activity: {name: …, %s: …}", key, key)
		}
	}
	if n.IsText() && n.Text != "" {
		r.Report(n.Pos, "wrong-type", "{name: "+n.Text+", task_queue: …, timeout: 30s}", "activity is a mapping: write {name: …}")
		return spec
	}
	m := r.Mapping(n, "activity")
	if m == nil {
		return spec
	}
	if name := m.Need("name", "the activity type, as its worker registers it"); name != nil {
		spec.Name = r.activityName(name, "name")
	}
	if queue := m.Need("task_queue", "the task queue of the workers that have the activity"); queue != nil {
		spec.TaskQueue = r.activityName(queue, "task_queue")
	}
	if input := m.Get("input"); input != nil {
		spec.Input = r.activityInput(input)
	}
	if timeout := m.Need("timeout", "how long one attempt may take"); timeout != nil {
		spec.Timeout = r.activityTime(timeout, "timeout", "an attempt of an activity takes more than 0s")
	}
	spec.RetryFor = journey.RetryForOf(spec.Timeout)
	if retry := m.Get("retry_for"); retry != nil {
		spec.RetryFor = r.activityTime(retry, "retry_for", "an activity is tried for more than 0s")
		if spec.RetryFor > 0 && spec.RetryFor < spec.Timeout {
			r.Report(retry.Pos, "bad-value", "", "retry_for is the time of all attempts: at least the timeout of one, %s",
				clock.FormatDuration(spec.Timeout))
		}
	}
	if m.Get("on_failure") != nil {
		r.Report(m.Key("on_failure"), "unknown-key", "",
			"on_failure stands beside activity, not inside it: write it under the step, as deep as activity")
	}
	m.Done()
	return spec
}

// activityName reads the name of an activity or of a task queue.
func (r *stepReader) activityName(n *source.Node, key string) string {
	text, ok := r.Word(n, key)
	if !ok {
		return ""
	}
	if wrong := journey.CheckActivityName(text); wrong != "" {
		r.Report(n.Pos, "bad-value", "", "%s %s", key, wrong)
		return ""
	}
	return text
}

// activityTime reads a duration of more than 0s.
func (r *stepReader) activityTime(n *source.Node, key, zero string) time.Duration {
	d, ok := r.Duration(n, key, false)
	if ok && d == 0 {
		r.Report(n.Pos, "bad-value", "", "%s", zero)
	}
	return d
}

// activityInput reads the expressions of the input, by key.
func (r *stepReader) activityInput(n *source.Node) map[string]expr.Expr {
	m := r.Mapping(n, "input")
	if m == nil {
		return nil
	}
	var out map[string]expr.Expr
	for i, key := range n.Keys {
		switch {
		case m.Index(key.Text) != i && key.Shape == source.Scalar: // a duplicate
		case m.Cut(i, false):
		case key.Shape != source.Scalar || !key.IsText() || key.Text == "":
			r.Report(key.Pos, "bad-value", "", "a key of input is a text")
		default:
			if out == nil {
				out = map[string]expr.Expr{}
			}
			out[key.Text] = r.expr(n.Values[i], expr.Any)
		}
	}
	return out
}
