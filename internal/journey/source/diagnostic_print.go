package source

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"

	"golang.org/x/text/width"

	"github.com/tabi-journeys/tabi/internal/human"
)

// Text writes the diagnostics for people: file:line:col: code: message, the source line, a caret and, if there is one,
// a suggestion.
func (d Diagnostics) Text(w io.Writer) error {
	for _, one := range d {
		if _, err := io.WriteString(w, one.text()); err != nil {
			return err
		}
	}
	return nil
}

// String returns the diagnostic's first line.
func (d Diagnostic) String() string {
	return fmt.Sprintf("%s:%d:%d: %s: %s", human.Printable(d.File), d.Line, d.Column, d.Code, human.Printable(d.Message))
}

// DidYouMean returns the hint as a question.
func (d Diagnostic) DidYouMean() string {
	switch {
	case d.Hint == "":
		return ""
	case strings.Contains(d.Hint, `"`):
		return "did you mean " + human.Printable(d.Hint) + "?"
	}
	return `did you mean "` + human.Printable(d.Hint) + `"?`
}

func (d Diagnostic) text() string {
	var out strings.Builder
	out.WriteString(d.String())
	if d.Severity == Warning {
		out.WriteString(" (warning)")
	}
	out.WriteByte('\n')
	if strings.TrimSpace(d.Source) != "" {
		line, lead := d.excerpt()
		out.WriteString("    " + line + "\n    " + lead + "^\n")
	}
	if hint := d.DidYouMean(); hint != "" {
		out.WriteString("    " + hint + "\n")
	}
	return out.String()
}

// maxExcerpt bounds the excerpt of a source line, in characters.
const maxExcerpt = 160

// excerpt returns the source line, shortened around the column if it is long, and the padding that puts a caret under
// it.
func (d Diagnostic) excerpt() (line, lead string) {
	runes := []rune(strings.TrimRight(d.Source, " \t"))
	column := max(d.Column-1, 0)
	start := 0
	before := ""
	if len(runes) > maxExcerpt {
		if column > maxExcerpt/2 {
			start, before = min(column, len(runes))-maxExcerpt/2, "…"
		}
		runes = runes[:min(len(runes), start+maxExcerpt)]
	}
	shown := before + human.Printable(string(runes[start:]))
	var blanks strings.Builder
	for range before {
		blanks.WriteByte(' ')
	}
	for i := start; i < column; i++ {
		if i >= len(runes) {
			blanks.WriteByte(' ')
			continue
		}
		if runes[i] == '\t' {
			blanks.WriteByte('\t')
			continue
		}
		blanks.WriteString(strings.Repeat(" ", runeWidth(runes[i])))
	}
	return shown, blanks.String()
}

// runeWidth returns the number of columns a character takes in a terminal.
func runeWidth(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x1f300 && r <= 0x1faff:
		return 2
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// JSON writes the diagnostics as a JSON list, with fields file, line, column, severity, code, message, hint and source.
func (d Diagnostics) JSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if d == nil {
		d = Diagnostics{}
	}
	return encoder.Encode(d)
}

var (
	githubText     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// GitHub writes the diagnostics as workflow commands, which annotate the lines of a pull request.
func (d Diagnostics) GitHub(w io.Writer) error {
	for _, one := range d {
		message := one.Message
		if hint := one.DidYouMean(); hint != "" {
			message += "; " + hint
		}
		if _, err := fmt.Fprintf(w, "::%s file=%s,line=%d,col=%d,title=%s::%s\n", one.Severity, githubProperty.Replace(one.File),
			one.Line, one.Column, githubProperty.Replace(one.Code), githubText.Replace(message)); err != nil {
			return err
		}
	}
	return nil
}
