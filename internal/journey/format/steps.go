package format

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
)

// specYAML adds the keys of a spec. It reports whether it knows the kind.
func specYAML(spec journey.Spec, out *yamlMap, arm func(token string, target int) []yamlMap) bool {
	switch spec := spec.(type) {
	case *journey.Wait:
		waitYAML(spec, out, arm)
	case *journey.WaitFor:
		waitForYAML(spec, out, arm)
	case *journey.Branch:
		branchYAML(spec, out, arm)
	case *journey.Split:
		splitYAML(spec, out, arm)
	case *journey.Send:
		sendYAML(spec, out, arm)
	case *journey.Decide:
		decideYAML(spec, out, arm)
	case *journey.Ask:
		askYAML(spec, out, arm)
	case *journey.Handoff:
		handoffYAML(spec, out, arm)
	case *journey.Set:
		setYAML(spec, out, arm)
	case *journey.Emit:
		emitYAML(spec, out, arm)
	case *journey.Call:
		callYAML(spec, out, arm)
	case *journey.Activity:
		activityYAML(spec, out, arm)
	case *journey.GoTo:
		goToYAML(spec, out, arm)
	case *journey.Exit:
		exitYAML(spec, out, arm)
	default:
		return false
	}
	return true
}

// Every spec adds its kind and the keys next to it. arm returns the steps of an arm and is called in the order of the
// program.

func waitYAML(w *journey.Wait, out *yamlMap, _ func(string, int) []yamlMap) {
	switch {
	case w.At != "":
		*out = append(*out, yamlField{key: "wait", fields: clockYAML("until", w.At, w.Days, w.Timezone)})
	case w.Until != "":
		var m yamlMap
		m.expr("until", w.Until)
		if w.Offset != 0 {
			m.plain("offset", clock.FormatDuration(w.Offset))
		}
		if w.Timezone != "" {
			m.plain("timezone", quoteYAML(w.Timezone))
		}
		*out = append(*out, yamlField{key: "wait", fields: m})
	default:
		out.plain("wait", clock.FormatDuration(w.Duration))
	}
}

func waitForYAML(w *journey.WaitFor, out *yamlMap, arm func(string, int) []yamlMap) {
	var arms []yamlMap
	for i, a := range w.Arms {
		m := levelYAML(a.Level)
		m = append(m, rule(a.Events, a.When)...)
		m.arm("then", arm(strconv.Itoa(i+1), a.Then))
		arms = append(arms, m)
	}
	*out = append(*out, yamlField{key: "wait_for", items: arms})
	out.plain("timeout", clock.FormatDuration(w.Timeout))
	if w.Since != "" {
		out.plain("since", w.Since)
	}
	out.arm("on_timeout", arm("on_timeout", w.OnTimeout))
}

func branchYAML(b *journey.Branch, out *yamlMap, arm func(string, int) []yamlMap) {
	var arms []yamlMap
	for i, a := range b.Arms {
		m := rule(nil, a.When)
		m.arm("then", arm(strconv.Itoa(i+1), a.Then))
		arms = append(arms, m)
	}
	*out = append(*out, yamlField{key: "branch", items: arms})
	out.arm("else", arm("else", b.Else))
}

func splitYAML(s *journey.Split, out *yamlMap, arm func(string, int) []yamlMap) {
	var arms []yamlMap
	for i, a := range s.Arms {
		m := yamlMap{{key: "weight", inline: numberYAML(a.Weight)}}
		m.text("name", a.Name)
		m.arm("then", arm(strconv.Itoa(i+1), a.Then))
		arms = append(arms, m)
	}
	*out = append(*out, yamlField{key: "split", items: arms})
}

// levelYAML returns the keys of a level, or none if l is nil.
func levelYAML(l *journey.Level) (out yamlMap) {
	if l == nil {
		return nil
	}
	out.text("intent", l.Intent)
	if l.Above != nil {
		out.plain("above", numberYAML(*l.Above))
	}
	if l.Below != nil {
		out.plain("below", numberYAML(*l.Below))
	}
	return out
}

func sendYAML(s *journey.Send, out *yamlMap, arm func(string, int) []yamlMap) {
	saidYAML(s, out, "send")
	out.arm("on_blocked", arm("on_blocked", s.OnBlocked))
	out.arm("on_failure", arm("on_failure", s.OnFailure))
}

// saidYAML adds a message and its delivery options.
func saidYAML(s *journey.Send, out *yamlMap, kind string) {
	out.plain(kind, quoteYAML(s.Message))
	if len(s.Via) > 0 {
		out.plain("via", wordsYAML(s.Via))
	}
	if s.Data != nil {
		*out = append(*out, yamlField{key: "data", fields: exprsYAML(s.Data)})
	}
	if s.Category != journey.Marketing {
		out.plain("category", s.Category)
	}
	out.text("topic", s.Topic)
	out.text("tone", s.Tone)
}

func decideYAML(d *journey.Decide, out *yamlMap, arm func(string, int) []yamlMap) {
	if d.Group != "" {
		out.plain("decide", quoteYAML(d.Group))
	} else {
		out.plain("decide", listYAML(d.Actions))
	}
	if d.Choose {
		out.plain("send", "false")
	}
	if len(d.Via) > 0 {
		out.plain("via", wordsYAML(d.Via))
	}
	out.arm("none", arm("none", d.None))
}

func askYAML(a *journey.Ask, out *yamlMap, arm func(string, int) []yamlMap) {
	saidYAML(&a.Question, out, "ask")
	out.plain("timeout", clock.FormatDuration(a.Timeout))
	var replies []yamlMap
	for i, r := range a.Replies {
		var m yamlMap
		m.text("intent", r.Intent)
		if r.Matches != "" {
			m.plain("matches", quotedYAML(r.Matches))
		}
		if r.Any {
			m.plain("any", "true")
		}
		m.arm("then", arm(strconv.Itoa(i+1), r.Then))
		replies = append(replies, m)
	}
	*out = append(*out, yamlField{key: "replies", items: replies})
	out.arm("on_timeout", arm("on_timeout", a.OnTimeout))
	for _, way := range []struct {
		key string
		to  int
	}{{"on_blocked", a.Question.OnBlocked}, {"on_failure", a.Question.OnFailure}} {
		if way.to != a.OnTimeout { // an arm without steps leads past the step
			out.steps(way.key, arm(way.key, way.to))
		}
	}
}

func handoffYAML(h *journey.Handoff, out *yamlMap, arm func(string, int) []yamlMap) {
	out.plain("handoff", quoteYAML(h.Queue))
	if h.Priority != "normal" {
		out.plain("priority", h.Priority)
	}
	out.text("note", h.Note)
	if h.Timeout != 0 {
		out.plain("timeout", clock.FormatDuration(h.Timeout))
	}
	if len(h.Outcomes) > 0 {
		// Arms with steps are in the order of the program. The order of the others does not matter.
		var arms yamlMap
		for _, outcome := range slices.SortedFunc(maps.Keys(h.Outcomes), func(a, b string) int {
			return cmp.Or(cmp.Compare(*h.Outcomes[a], *h.Outcomes[b]), cmp.Compare(a, b))
		}) {
			arms.steps(outcome, arm(outcome, *h.Outcomes[outcome]))
		}
		*out = append(*out, yamlField{key: "outcomes", fields: arms})
	}
	out.arm("on_timeout", arm("on_timeout", h.OnTimeout))
}

func setYAML(s *journey.Set, out *yamlMap, _ func(string, int) []yamlMap) {
	var m yamlMap
	for _, a := range s.Assign {
		m.expr(a.Target+"."+a.Name, a.Value)
	}
	*out = append(*out, yamlField{key: "set", fields: m})
}

func emitYAML(e *journey.Emit, out *yamlMap, _ func(string, int) []yamlMap) {
	out.plain("emit", quoteYAML(e.Event))
	if e.Properties != nil {
		*out = append(*out, yamlField{key: "properties", fields: exprsYAML(e.Properties)})
	}
}

func callYAML(c *journey.Call, out *yamlMap, arm func(string, int) []yamlMap) {
	m := yamlMap{{key: "method", inline: c.Method}, {key: "url", inline: quoteYAML(c.URL)}}
	if len(c.Headers) > 0 {
		var headers yamlMap
		for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
			headers.plain(name, quoteYAML(c.Headers[name]))
		}
		m = append(m, yamlField{key: "headers", fields: headers})
	}
	m.text("body", c.Body)
	if c.JSON != nil {
		m.plain("body", flowYAML(c.JSON))
	}
	if c.Timeout != journey.DefaultCallTimeout {
		m.plain("timeout", clock.FormatDuration(c.Timeout))
	}
	*out = append(*out, yamlField{key: "call", fields: m})
	out.arm("on_failure", arm("on_failure", c.OnFailure))
}

func activityYAML(a *journey.Activity, out *yamlMap, arm func(string, int) []yamlMap) {
	m := yamlMap{{key: "name", inline: quoteYAML(a.Name)}, {key: "task_queue", inline: quoteYAML(a.TaskQueue)}}
	if len(a.Input) > 0 {
		m = append(m, yamlField{key: "input", fields: exprsYAML(a.Input)})
	}
	m.plain("timeout", clock.FormatDuration(a.Timeout))
	if a.RetryFor != journey.RetryForOf(a.Timeout) {
		m.plain("retry_for", clock.FormatDuration(a.RetryFor))
	}
	*out = append(*out, yamlField{key: "activity", fields: m})
	out.arm("on_failure", arm("on_failure", a.OnFailure))
}

func goToYAML(g *journey.GoTo, out *yamlMap, _ func(string, int) []yamlMap) {
	out.plain("go_to", quoteYAML(g.Target))
}

func exitYAML(e *journey.Exit, out *yamlMap, _ func(string, int) []yamlMap) {
	out.plain("exit", quoteYAML(e.Outcome))
}
