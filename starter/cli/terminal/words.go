package terminal

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/journey/diff"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/retention"
)

// Diagnostics prints what lint has found, in one of the formats text, json and github.
func Diagnostics(w io.Writer, format string, found source.Diagnostics) error {
	switch format {
	case "json":
		return found.JSON(w)
	case "github":
		return found.GitHub(w)
	}
	return found.Text(w)
}

// CompleteSince says from when on the rows are complete that an output is made of, where retention has deleted older ones.
func CompleteSince(out *Printer, since map[string]time.Time) {
	if len(since) > 0 {
		out.Line("complete: %s; older ones were deleted (--retention)", retention.Begins(since))
	}
}

// Published prints what a release changed.
func Published(out *Printer, p app.Published) {
	if p.Same() {
		out.Line("release %d: nothing changed", p.Release)
		return
	}
	what := "release " + strconv.Itoa(p.Release)
	if p.Origin > 0 {
		what += ", again release " + strconv.Itoa(p.Origin)
	}
	if p.DryRun {
		what += " (dry run: nothing is published)"
	}
	out.Line("%s", what)
	for _, part := range []struct {
		mark  string
		names []string
	}{{"+", p.Added}, {"~", p.Changed}, {"-", p.Removed}} {
		for _, n := range part.names {
			note := ""
			if open := p.Open[strings.TrimPrefix(n, "journey ")]; part.mark == "-" && open > 0 {
				note = fmt.Sprintf(": %s on its revision; nobody enters any more", Several(open, "open enrollment")+continues(open))
			}
			out.Paint(marks[part.mark], "  %s %s%s", part.mark, n, note)
		}
	}
}

// marks are the colors of what is added, changed and removed.
var marks = map[string]text.Colors{"+": {text.FgGreen}, "~": {text.FgYellow}, "-": {text.FgRed}}

func continues(n int64) string {
	if n == 1 {
		return " continues"
	}
	return " continue"
}

// PlaceName names the place of an enrollment for people.
func PlaceName(step string, watching bool) string {
	switch {
	case watching:
		return "(awaiting the goal)"
	case step == "":
		return "(before the first step)"
	}
	return step
}

// Verdict returns in words what a move means for the enrollments at a step.
func Verdict(m diff.StepMove, there, gone bool) string {
	switch {
	case gone:
		return "stays"
	case there:
		return "already there"
	case m.Refused != "" && m.Suggest != "":
		return fmt.Sprintf("stays: %s; it looks like %s: --step %s=%s", m.Refused, m.Suggest, m.Step, m.Suggest)
	case m.Refused != "":
		return "stays: " + m.Refused
	case m.Kept():
		return "kept"
	}
	return "moves to " + m.Target
}
