package diff

import (
	"fmt"
	"io"
	"strings"

	"github.com/tabi-journeys/tabi/internal/journey"

	"github.com/tabi-journeys/tabi/internal/human"
)

// Text writes the difference for people: + added, - removed, ~ changed, ! a warning.
func (d Diff) Text(w io.Writer) error {
	var out strings.Builder
	for _, one := range d.Journeys {
		one.text(&out)
	}
	for _, one := range d.Messages {
		switch {
		case one.Added:
			fmt.Fprintf(&out, "message %s: added\n", one.Message)
		case one.Removed:
			fmt.Fprintf(&out, "message %s: removed\n", one.Message)
		default:
			fmt.Fprintf(&out, "message %s: used for every enrollment from its next send on\n", one.Message)
			for _, c := range one.Changes {
				fmt.Fprintf(&out, "  ~ %s\n", c)
			}
		}
	}
	for _, one := range d.Rules {
		switch {
		case one.Added:
			fmt.Fprintf(&out, "%s: added\n", one.title())
		case one.Removed:
			fmt.Fprintf(&out, "%s: removed\n", one.title())
		default:
			fmt.Fprintf(&out, "%s: used for every enrollment from its next decision on\n", one.title())
			for _, c := range one.Changes {
				fmt.Fprintf(&out, "  ~ %s\n", c)
			}
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// Text writes the difference for people, with the signs of Diff.Text.
func (d JourneyDiff) Text(w io.Writer) error {
	var out strings.Builder
	d.text(&out)
	_, err := io.WriteString(w, out.String())
	return err
}

func (d JourneyDiff) text(out *strings.Builder) {
	switch {
	case d.Old == "":
		fmt.Fprintf(out, "journey %s: added, revision %s\n", d.Journey, d.New)
		return
	case d.New == "":
		fmt.Fprintf(
			out,
			"journey %s: removed, was revision %s; nobody enters it any more, and open enrollments continue\n",
			d.Journey,
			d.Old,
		)
	default:
		fmt.Fprintf(out, "journey %s: revision %s → %s\n", d.Journey, d.Old, d.New)
	}
	for _, c := range d.Changes {
		fmt.Fprintf(out, "  ~ %s\n", c)
	}
	for _, s := range d.Steps {
		s.text(out, d.Journey)
	}
	for _, w := range d.Warnings {
		fmt.Fprintf(out, "  ! %s\n", human.Printable(w))
	}
}

func (s StepDiff) text(out *strings.Builder, name string) {
	switch {
	case s.Old == "":
		fmt.Fprintf(out, "  + %s (%s), in %s\n", s.New, s.Kind, s.To)
		return
	case s.New == "":
		fmt.Fprintf(out, "  - %s (%s), was in %s\n", s.Old, s.Kind, s.From)
		return
	case s.Old != s.New:
		how := "looks renamed"
		if s.told {
			how = "renamed by --step"
		} else if journey.Unnamed(s.Old) {
			how = "previously numbered " + s.Old
		}
		if holds(s.Kind) {
			how += fmt.Sprintf("; tabi migrate %s --step %s=%s", name, s.Old, s.New)
		}
		fmt.Fprintf(out, "  ~ %s → %s (%s): %s\n", s.Old, s.New, s.Kind, how)
	}
	if s.From != "" {
		fmt.Fprintf(out, "  ~ %s: moved from (%s) to (%s)\n", s.New, s.From, s.To)
	}
	for _, c := range s.Changes {
		fmt.Fprintf(out, "  ~ %s: %s\n", s.New, c)
	}
}

// String returns a change on one line; of long values, the part that differs.
func (c Change) String() string {
	old, new := oneLine(c.Old), oneLine(c.New)
	if len(old) > maxShown || len(new) > maxShown {
		old, new = around(old, new)
	}
	switch {
	case c.Old == "":
		return fmt.Sprintf("%s: added, %s", human.Printable(c.Field), new)
	case c.New == "":
		return fmt.Sprintf("%s: removed, was %s", human.Printable(c.Field), old)
	}
	return fmt.Sprintf("%s: %s → %s", human.Printable(c.Field), old, new)
}

// maxShown bounds a value in a line, in bytes; context is the text shown before a difference, in characters.
const (
	maxShown = 80
	context  = 15
)

func oneLine(text string) string {
	return human.Printable(strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "⏎"))
}

// around shortens two texts to the part where they begin to differ.
func around(old, new string) (string, string) {
	a, b := []rune(old), []rune(new)
	same := 0
	for same < len(a) && same < len(b) && a[same] == b[same] {
		same++
	}
	cut := func(r []rune) string {
		start, before, behind := 0, "", ""
		if same > context {
			start, before = min(same-context, len(r)), "…"
		}
		end := len(r)
		if end-start > maxShown/2 {
			end, behind = start+maxShown/2, "…"
		}
		return before + string(r[start:end]) + behind
	}
	return cut(a), cut(b)
}

// holds reports whether customers stay at steps of a kind for more than a moment. Only these steps matter to a
// migration.
func holds(kind string) bool {
	known, ok := journey.KindNamed(kind)
	if !ok {
		return true
	}
	d := known.New().Describe()
	return d.Parks || d.Stays
}
