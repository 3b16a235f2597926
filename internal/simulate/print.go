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

// Sources returns the text of a line of a file; empty if it is unknown.
type Sources func(file string, line int) string

// diagnostic returns the failure in the form of lint's diagnostics.
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

// code returns what was compared.
func (f Failure) code() string { return cmp.Or(f.What, "scenario") }

// Words returns the failure in words.
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

// around is how many log entries before a failure are shown.
const around = 20

// PrintFailures writes the failures of a scenario, each at its line, and the log up to it; with whole the whole log.
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
		fmt.Fprintf(&out, "    … %d earlier lines (--verbose shows all)\n", from)
	}
	writeLog(&out, r.Story[from:until])
	if rest := len(r.Story) - until; rest > 0 {
		fmt.Fprintf(&out, "    … %d lines after the failure (--verbose shows all)\n", rest)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// PrintStory writes the log of a scenario that passed.
func (r Result) PrintStory(w io.Writer) error {
	var out strings.Builder
	fmt.Fprintf(&out, "--- ok: %s (%s)\n", visible(r.Name), seconds(r.Duration))
	writeLog(&out, r.Story)
	_, err := io.WriteString(w, out.String())
	return err
}

// writeLog writes log entries with their offsets from the start.
func writeLog(out *strings.Builder, story []Entry) {
	width := 0
	for _, e := range story {
		width = max(width, len(Offset(e.At)))
	}
	for _, e := range story {
		fmt.Fprintf(out, "    %*s  %s\n", width, Offset(e.At), visible(e.Text))
	}
}

// visible keeps text from files and events on one line, without control characters.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return '�'
		}
		return r
	}, text)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2fs", d.Seconds()) }
