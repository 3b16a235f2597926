package simulate

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/tabi-journeys/tabi/internal/journey/source"
)

// Sources finds the text of a line of a file; empty where it is not known.
type Sources func(file string, line int) string

// diagnostic is a failure as lint would write it.
func (f Failure) diagnostic(lines Sources) source.Diagnostic {
	d := source.Diagnostic{
		File:     f.Place.File,
		Line:     max(f.Place.Line, 1),
		Column:   max(f.Place.Column, 1),
		Severity: source.Error,
		Code:     f.code(),
		Message:  f.Words(),
	}
	if lines != nil {
		d.Source = lines(d.File, d.Line)
	}
	return d
}

// code is what was looked at.
func (f Failure) code() string { return cmp.Or(f.What, "scenario") }

// Words say what was wrong.
func (f Failure) Words() string {
	if f.Message != "" {
		return f.Message
	}
	when := "at " + Offset(f.At)
	if f.End {
		when = "at the end, " + when[3:]
	}
	return fmt.Sprintf("%s: expected %s, got %s", when, f.Expected, f.Actual)
}

// around is how many entries of the story are shown before the moment of a failure.
const around = 20

// PrintFailures writes what a scenario failed by, each at its line, and what had happened until then; whole
// tells everything that happened.
func (r Result) PrintFailures(w io.Writer, lines Sources, whole bool) error {
	var out strings.Builder
	fmt.Fprintf(&out, "--- FAIL: %s (%s)\n", visible(r.Name), seconds(r.Duration))
	last := time.Duration(0)
	for _, f := range r.Failures {
		last = max(last, f.At)
		if err := (source.Diagnostics{f.diagnostic(lines)}).Text(&out); err != nil {
			return err
		}
	}
	until := len(r.Story)
	for until > 0 && r.Story[until-1].At > last {
		until--
	}
	from := max(until-around, 0)
	if whole {
		from, until = 0, len(r.Story)
	}
	if from > 0 {
		fmt.Fprintf(&out, "    … %d before (--verbose tells all)\n", from)
	}
	writeLog(&out, r.Story[from:until])
	if rest := len(r.Story) - until; rest > 0 {
		fmt.Fprintf(&out, "    … %d behind the failure (--verbose tells all)\n", rest)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// PrintStory writes everything that happened in a scenario that passed.
func (r Result) PrintStory(w io.Writer) error {
	var out strings.Builder
	fmt.Fprintf(&out, "--- ok: %s (%s)\n", visible(r.Name), seconds(r.Duration))
	writeLog(&out, r.Story)
	_, err := io.WriteString(w, out.String())
	return err
}

// writeLog writes what happened, with its offsets from the start.
func writeLog(out *strings.Builder, story []Entry) {
	width := 0
	for _, e := range story {
		width = max(width, len(Offset(e.At)))
	}
	for _, e := range story {
		fmt.Fprintf(out, "    %*s  %s\n", width, Offset(e.At), visible(e.Text))
	}
}

// visible keeps what files and events say on its line, and away from the terminal's controls.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return '�'
		}
		return r
	}, text)
}

// seconds writes how long something took.
func seconds(d time.Duration) string { return fmt.Sprintf("%.2fs", d.Seconds()) }
