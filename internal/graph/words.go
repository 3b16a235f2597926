package graph

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

const armSkipped = journey.ArmSkipped

// exprLength is the maximum length of a condition, in characters.
const exprLength = 64

// words describes a step: a title, more lines, and its ways out.
func words(s *journey.Step) (title string, lines []string, out []way) {
	next := way{Arm: ArmNext, to: s.Next}
	switch spec := s.Spec.(type) {
	case *journey.Wait:
		return waitWords(spec), nil, []way{next}
	case *journey.WaitFor:
		return waitForWords(spec)
	case *journey.Branch:
		for i, a := range spec.Arms {
			out = append(out, way{strconv.Itoa(i + 1), condition(a.When), string(a.When), a.Then})
		}
		return "which is true first?", nil, append(out, way{"else", "else", "none of the conditions is true", spec.Else})
	case *journey.Split:
		return splitWords(spec)
	case *journey.Send:
		return sendWords(s, spec)
	case *journey.Decide:
		return decideWords(s, spec)
	case *journey.Ask:
		return askWords(spec)
	case *journey.Handoff:
		return handoffWords(s, spec)
	case *journey.Set:
		for _, a := range spec.Assign {
			lines = append(lines, a.Target+"."+a.Name+" = "+condition(a.Value))
		}
		if len(lines) == 1 {
			return lines[0], nil, []way{next}
		}
		return "set " + plural(len(spec.Assign), "value", "values"), lines, []way{next}
	case *journey.Emit:
		return "event " + spec.Event, listed("with ", slices.Sorted(maps.Keys(spec.Properties))), []way{next}
	case *journey.Call:
		next.Label, next.Full = "answered", "the request was answered"
		return spec.Method + " " + address(spec.URL), []string{"at most " + human.Duration(spec.Timeout) + " a try"},
			[]way{next, {"on_failure", "failed", "the request failed for good", spec.OnFailure}}
	case *journey.GoTo:
		return spec.Target, nil, []way{{Arm: ArmNext, to: spec.To}}
	case *journey.Exit:
		return spec.Outcome, nil, nil
	}
	return s.Kind, nil, []way{next}
}

// ways returns the ways out of a step, in the order of the file, without the one that skips it.
func ways(s *journey.Step) []way {
	_, _, out := words(s)
	return out
}

func waitWords(spec *journey.Wait) string {
	zone := spec.Timezone
	switch {
	case spec.At != "":
		text := "until " + string(spec.At)
		if len(spec.Days) > 0 {
			text += " on " + strings.Join(spec.Days, ", ")
		}
		if zone == "" || zone == "customer" {
			zone = "the customer's time"
		}
		return text + ", " + zone
	case spec.Until != "":
		text := "until " + string(spec.Until)
		if spec.Offset < 0 {
			text = human.Duration(-spec.Offset) + " before " + string(spec.Until)
		} else if spec.Offset > 0 {
			text = human.Duration(spec.Offset) + " after " + string(spec.Until)
		}
		return text
	}
	return "for " + human.Duration(spec.Duration)
}

func waitForWords(spec *journey.WaitFor) (title string, lines []string, out []way) {
	var all []string
	for i, a := range spec.Arms {
		label := strings.Join(a.Events, " or ")
		waited := a.Events
		if a.Level != nil {
			label = level(a.Level)
			waited = []string{label}
		}
		for _, name := range waited {
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
		full := label
		if a.When != "" {
			full += ", if " + string(a.When)
			if twin := slices.IndexFunc(spec.Arms, func(o journey.EventArm) bool { return slices.Equal(o.Events, a.Events) }); twin != i ||
				slices.ContainsFunc(spec.Arms[i+1:], func(o journey.EventArm) bool { return slices.Equal(o.Events, a.Events) }) {
				label += " if " + condition(a.When) // the event alone does not distinguish the arms
			}
		}
		out = append(out, way{strconv.Itoa(i + 1), label, full, a.Then})
	}
	lines = append(lines, "at most "+human.Duration(spec.Timeout))
	if spec.Since == "entry" {
		lines[0] += ", events since entry count"
	}
	timeout := way{
		"on_timeout",
		"after " + human.Duration(spec.Timeout),
		"nothing came within " + human.Duration(spec.Timeout),
		spec.OnTimeout,
	}
	return "for " + strings.Join(all, " or "), lines, append(out, timeout)
}

func splitWords(spec *journey.Split) (title string, lines []string, out []way) {
	sum := 0.0
	for _, a := range spec.Arms {
		sum += a.Weight
	}
	for i, a := range spec.Arms {
		key, share := strconv.Itoa(i+1), ""
		if sum > 0 {
			share = strconv.FormatFloat(100*a.Weight/sum, 'f', -1, 64)
			if f := 100 * a.Weight / sum; f != float64(int(f)) {
				share = strconv.FormatFloat(f, 'f', 1, 64)
			}
			share += " %"
		}
		label := share
		if a.Name != "" {
			key, label = a.Name, a.Name+" "+share
		}
		out = append(out, way{key, label, label + " of the customers", a.Then})
	}
	return "by chance, " + plural(len(spec.Arms), "way", "ways"), nil, out
}

// level describes an intent threshold.
func level(l *journey.Level) string {
	if l.Above != nil {
		return l.Intent + " above " + strconv.FormatFloat(*l.Above, 'f', -1, 64)
	}
	return l.Intent + " below " + strconv.FormatFloat(*l.Below, 'f', -1, 64)
}

func sendWords(s *journey.Step, spec *journey.Send) (title string, lines []string, out []way) {
	return "message " + spec.Message, saidWords(spec), []way{
		{ArmNext, "sent", "it was sent", s.Next},
		{"on_blocked", "blocked", "the contact policy does not permit it", spec.OnBlocked},
		{"on_failure", "failed", "it could not be delivered", spec.OnFailure},
	}
}

// saidWords describes the delivery options of a message.
func saidWords(spec *journey.Send) (lines []string) {
	via := strings.Join(spec.Via, ", else ")
	if via == "" {
		via = "the channel answered most"
	}
	lines = append(lines, "via "+via)
	var more []string
	if spec.Category == journey.Transactional {
		more = append(more, spec.Category)
	}
	if spec.Topic != "" {
		more = append(more, "topic "+spec.Topic)
	}
	if spec.Tone != "" {
		more = append(more, spec.Tone+" tone")
	}
	if len(more) > 0 {
		lines = append(lines, strings.Join(more, ", "))
	}
	return lines
}

func decideWords(s *journey.Step, spec *journey.Decide) (title string, lines []string, out []way) {
	title = "the best of " + spec.Group
	if spec.Group == "" {
		title = "the best of " + plural(len(spec.Actions), "action", "actions")
		lines = append(lines, strings.Join(spec.Actions, ", "))
	}
	if len(spec.Via) > 0 {
		lines = append(lines, "via "+strings.Join(spec.Via, " or "))
	}
	chosen := way{ArmNext, "chosen", "the best was chosen, and its message sent", s.Next}
	if spec.Choose {
		lines = append(lines, "only chooses")
		chosen.Full = "the best was chosen; nothing is sent"
	}
	return title, lines, []way{chosen, {journey.ArmNone, "none", "nothing was chosen", spec.None}}
}

func askWords(spec *journey.Ask) (title string, lines []string, out []way) {
	for i, r := range spec.Replies {
		w := way{strconv.Itoa(i + 1), "any reply", "any reply", r.Then}
		switch {
		case r.Intent != "":
			w.Label, w.Full = r.Intent, "a reply with the intent "+r.Intent
		case r.Matches != "":
			w.Label, w.Full = "/"+shorten(r.Matches, exprLength/2)+"/", "a reply that matches "+r.Matches
		}
		out = append(out, w)
	}
	question := &spec.Question
	return "question " + question.Message, append(saidWords(question), "at most "+human.Duration(spec.Timeout)), append(
		out,
		way{
			"on_timeout",
			"after " + human.Duration(spec.Timeout),
			"no reply that fits came within " + human.Duration(spec.Timeout),
			spec.OnTimeout,
		},
		way{"on_blocked", "blocked", "the contact policy does not permit it", question.OnBlocked},
		way{"on_failure", "failed", "it could not be delivered", question.OnFailure},
	)
}

func handoffWords(s *journey.Step, spec *journey.Handoff) (title string, lines []string, out []way) {
	if spec.Priority != "" && spec.Priority != "normal" {
		lines = append(lines, spec.Priority+" priority")
	}
	type outcome struct {
		name string
		to   int
	}
	var all []outcome
	for _, name := range slices.Sorted(maps.Keys(spec.Outcomes)) {
		all = append(all, outcome{name, spec.Outcomes[name]})
	}
	slices.SortStableFunc(all, func(a, b outcome) int { // those with steps come in the order of the file
		switch {
		case a.to == s.Next || b.to == s.Next:
			return 0
		default:
			return a.to - b.to
		}
	})
	for _, o := range all {
		out = append(out, way{o.name, o.name, "the agent resolved it as " + o.name, o.to})
	}
	out = append(out, way{ArmOther, "other outcome", "the agent resolved it in other words", s.Next})
	if spec.Timeout > 0 {
		lines = append(lines, "at most "+human.Duration(spec.Timeout))
		out = append(
			out,
			way{
				"on_timeout",
				"after " + human.Duration(spec.Timeout),
				"nobody resolved it within " + human.Duration(spec.Timeout),
				spec.OnTimeout,
			},
		)
	}
	return "queue " + spec.Queue, lines, out
}

// labels are the names of the kinds in words.
var labels = map[string]string{
	"wait": "wait", "wait_for": "wait for", "branch": "branch", "split": "split", "send": "send", "decide": "decide", "ask": "ask",
	"handoff": "hand-off", "set": "set", "emit": "emit",
	"call": "call", "go_to": "go to", "exit": "exit",
	KindEntry: "entry", KindEnd: "end", KindGoal: "goal", KindExit: "exit when", KindReroute: "reroute when", KindTimeout: "longest life",
}

func label(kind string) string {
	if text := labels[kind]; text != "" {
		return text
	}
	return strings.ReplaceAll(kind, "_", " ")
}

// condition returns an expression on one line, shortened.
func condition(e expr.Expr) string { return shorten(string(e), exprLength) }

// shorten returns text on one line, of at most n characters.
func shorten(text string, n int) string {
	text = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))), " ")
	if runes := []rune(text); len(runes) > n {
		return strings.TrimRight(string(runes[:n-1]), " ") + "…"
	}
	return text
}

// address returns the host and path of a URL. The rest may be a secret.
func address(raw string) string {
	if u, err := url.Parse(raw); err == nil && u.Host != "" && !strings.Contains(raw, "{{") && !strings.Contains(raw, "{%") {
		return u.Host + u.Path
	}
	raw, _, _ = strings.Cut(raw, "?")
	if _, rest, ok := strings.Cut(raw, "://"); ok {
		raw = rest
	}
	if host, rest, ok := strings.Cut(raw, "/"); strings.Contains(host, "@") {
		host = host[strings.LastIndexByte(host, '@')+1:]
		if raw = host; ok {
			raw += "/" + rest
		}
	}
	return raw
}

func listed(before string, words []string) []string {
	if len(words) == 0 {
		return nil
	}
	return []string{before + strings.Join(words, ", ")}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
