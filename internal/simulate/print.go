package simulate

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// Sources finds the text of a line of a file; empty where it is not known.
type Sources func(file string, line int) string

// diagnostic is a failure as lint would write it.
func (f Failure) diagnostic(source Sources) journey.Diagnostic {
	code := f.What
	if code == "" {
		code = "scenario"
	}
	d := journey.Diagnostic{File: f.Place.File, Line: max(f.Place.Line, 1), Column: max(f.Place.Column, 1), Severity: journey.Error, Code: code, Message: f.Words()}
	if source != nil {
		d.Source = source(d.File, d.Line)
	}
	return d
}

// Words say what was wrong.
func (f Failure) Words() string {
	if f.Message != "" {
		return f.Message
	}
	return fmt.Sprintf("at %s: expected %s, got %s", Offset(f.At), f.Expected, f.Actual)
}

// around is how many entries of the story are shown before the moment of a failure.
const around = 20

// PrintFailures writes what a scenario failed by, each at its line, and what had happened until then.
func (r Result) PrintFailures(w io.Writer, source Sources) error {
	if _, err := fmt.Fprintf(w, "--- FAIL: %s (%s)\n", r.Name, seconds(r.Duration)); err != nil {
		return err
	}
	last := time.Duration(0)
	for _, f := range r.Failures {
		last = max(last, f.At)
		if err := (journey.Diagnostics{f.diagnostic(source)}).Text(w); err != nil {
			return err
		}
	}
	story := r.Story
	for n, e := range story {
		if e.At > last {
			story = story[:n]
			break
		}
	}
	if len(r.Story) == len(story) {
		return r.tell(w, story, "")
	}
	return r.tell(w, story, fmt.Sprintf("… and %d more behind the failure (--verbose shows them)", len(r.Story)-len(story)))
}

// PrintStory writes all that happened.
func (r Result) PrintStory(w io.Writer) error { return r.tell(w, r.Story, "") }

func (r Result) tell(w io.Writer, story []Entry, rest string) error {
	var out strings.Builder
	if len(r.Failures) > 0 && len(story) > around {
		fmt.Fprintf(&out, "    … %d before\n", len(story)-around)
		story = story[len(story)-around:]
	}
	width := 0
	for _, e := range story {
		width = max(width, len(Offset(e.At)))
	}
	for _, e := range story {
		fmt.Fprintf(&out, "    %*s  %s\n", width, Offset(e.At), e.Text)
	}
	if rest != "" {
		fmt.Fprintf(&out, "    %s\n", rest)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// seconds writes how long something took.
func seconds(d time.Duration) string { return fmt.Sprintf("%.2fs", d.Seconds()) }
