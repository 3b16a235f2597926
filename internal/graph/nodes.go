package graph

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// stepNode returns the node of a step.
func stepNode(s *journey.Step) Node {
	spec := s.Describe()
	title := cmp.Or(spec.Title, spec.Question, s.Kind)
	n := Node{ID: s.ID, Step: s.ID, Kind: s.Kind, Title: title, Lines: spec.Lines, End: spec.Outcome,
		named: !strings.HasPrefix(s.ID, s.Path+"."), spec: spec}
	if s.Name != "" && !n.ends() {
		n.Title = s.Name
		if spec.Title != "" {
			n.Lines = append([]string{title}, spec.Lines...)
		}
	}
	full := []string{lookOf(&n).label + " " + s.ID}
	if s.Name != "" {
		full = append(full, s.Name)
	}
	if spec.Full == nil {
		full = append(append(full, title), spec.Lines...)
	}
	if s.When != "" {
		n.When = condition(s.When)
		full = append(full, "only if "+string(s.When))
	}
	n.Full = strings.Join(append(full, spec.Full...), "\n")
	return n
}

func entryNode(d *journey.Definition) Node {
	e := d.Entry
	n := Node{ID: "#entry", Kind: KindEntry}
	switch {
	case len(e.Events) > 0:
		n.Title = strings.Join(e.Events, " or ")
	case e.Schedule != nil:
		n.Title = "at " + string(e.Schedule.At)
		if len(e.Schedule.Days) > 0 {
			n.Title += " on " + strings.Join(e.Schedule.Days, ", ")
		}
		zone := e.Schedule.Timezone
		if zone == "" || zone == "customer" {
			zone = "the customer's time"
		}
		n.Title += ", " + zone
	default:
		n.Title = "when the condition turns true"
	}
	full := []string{"entry", n.Title}
	if e.When != "" {
		n.Lines = append(n.Lines, "if "+condition(e.When))
		full = append(full, "if "+string(e.When))
	}
	if e.Key != "" {
		n.Lines = append(n.Lines, "one per "+condition(e.Key))
		full = append(full, "one enrollment per customer and "+string(e.Key))
	}
	again := map[string]string{
		journey.ReentryNever: "once in a lifetime", journey.ReentryAlways: "again at any time",
		journey.ReentryAfterExit: "again once it has ended",
		journey.ReentryAfter:     "again after " + human.Duration(e.After),
	}[e.Reentry]
	if again != "" {
		n.Lines = append(n.Lines, again)
		full = append(full, again)
	}
	if e.Holdout > 0 {
		held := strconv.FormatFloat(e.Holdout, 'f', -1, 64) + " % held out as control group"
		n.Lines = append(n.Lines, held)
		full = append(full, held)
	}
	n.Full = strings.Join(full, "\n")
	return n
}

func endNode(path string) Node {
	return Node{ID: "#end " + path, Kind: KindEnd, Title: contract.Completed, End: contract.Completed, Full: "the end of the path " + path}
}

func rerouteID(k int) string { return fmt.Sprintf("#reroute %d", k+1) }

// ruleNodes returns nodes for the rules that apply to an enrollment wherever it is.
func ruleNodes(d *journey.Definition) []Node {
	var out []Node
	rule := func(id, kind, title, end string, when expr.Expr, lines ...string) {
		n := Node{ID: id, Kind: kind, Title: title, End: end}
		full := []string{looks[kind].label, title}
		if when != "" {
			n.Lines = append(n.Lines, "if "+condition(when))
			full = append(full, "if "+string(when))
		}
		n.Lines = append(n.Lines, lines...)
		n.Full = strings.Join(append(full, lines...), "\n")
		out = append(out, n)
	}
	if g := d.Goal; g != nil {
		var lines []string
		if g.Value != "" {
			lines = append(lines, "worth "+condition(g.Value))
		}
		if g.Within > 0 {
			lines = append(lines, "watched for "+human.Duration(g.Within)+" from entry")
		}
		rule("#goal", KindGoal, events(g.Events), contract.Goal, g.When, lines...)
	}
	for i, r := range d.Exit {
		rule(fmt.Sprintf("#exit %d", i+1), KindExit, events(r.Events), r.Outcome, r.When, "ends as "+r.Outcome)
	}
	for i, r := range d.Reroute {
		line := "go to " + r.GoTo
		if r.Repeat {
			line += ", also repeatedly"
		}
		title := events(r.Events)
		switch {
		case r.Level != nil && len(r.Events) > 0:
			title = r.Level.Words() + " on " + title
		case r.Level != nil:
			title = r.Level.Words()
		}
		rule(rerouteID(i), KindReroute, title, "", r.When, line)
	}
	rule("#timeout", KindTimeout, "after "+human.Duration(d.Timeout), contract.TimedOut, "", "ends as "+contract.TimedOut)
	return out
}

func events(names []string) string {
	if len(names) == 0 {
		return "any event"
	}
	return strings.Join(names, " or ")
}
