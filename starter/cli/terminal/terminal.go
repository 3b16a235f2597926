// Package terminal prints for people and for programs: lines, tables, JSON, progress.
package terminal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/human"
)

// OutputFlag adds --output, with its completion. formats are the possible ones, the default first; without any, text and json.
func OutputFlag(c *cobra.Command, to *string, formats ...string) {
	formats = outputs(formats)
	c.Flags().StringVarP(to, "output", "o", formats[0], either(formats))
	if err := c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err)
	}
}

// CheckOutput returns an error of usage if output is none of the formats of OutputFlag.
func CheckOutput(output string, formats ...string) error {
	if formats = outputs(formats); !slices.Contains(formats, output) {
		return app.Usage("--output is %q: give %s", output, either(formats))
	}
	return nil
}

func outputs(formats []string) []string {
	if len(formats) == 0 {
		return []string{"text", "json"}
	}
	return formats
}

func either(formats []string) string {
	last := len(formats) - 1
	return strings.Join(formats[:last], ", ") + " or " + formats[last]
}

// Printer writes for people. What it is given may be a customer's: it quotes characters that would control the terminal or
// turn the direction of the text.
type Printer struct {
	w     io.Writer
	color bool
}

// To returns a printer to w. It has colors if w is a terminal and NO_COLOR is not set (no-color.org).
func To(w io.Writer) *Printer {
	file, ok := w.(*os.File)
	return &Printer{w, ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(file.Fd()))}
}

// Write writes text, with its lines.
func (p *Printer) Write(text []byte) (int, error) {
	if _, err := io.WriteString(p.w, Lines(string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}

// Line prints a line. A line break in a string is quoted; the text of an error may have several lines.
func (p *Printer) Line(format string, args ...any) { p.Paint(nil, format, args...) }

// Paint prints a line in colors, where there are any.
func (p *Printer) Paint(colors text.Colors, format string, args ...any) {
	safe := make([]any, len(args))
	for i, arg := range args {
		switch v := arg.(type) {
		case string:
			safe[i] = Quote(v)
		case error:
			safe[i] = Lines(v.Error())
		case fmt.Stringer:
			safe[i] = Quote(v.String())
		default:
			safe[i] = arg
		}
	}
	line := Lines(fmt.Sprintf(format, safe...)) // what is in a list, or a type of its own
	if p.color && len(colors) > 0 {
		line = colors.EscapeSeq() + line + text.Reset.EscapeSeq()
	}
	_, _ = fmt.Fprintln(p.w, line)
}

// Table prints a table, without lines around it.
func (p *Printer) Table(head table.Row, rows []table.Row) {
	t := table.NewWriter()
	style := table.StyleLight
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = text.FormatDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	t.SetStyle(style)
	t.AppendHeader(head)
	for _, row := range rows {
		safe := make(table.Row, len(row))
		for i, cell := range row {
			if safe[i] = cell; reflect.ValueOf(cell).Kind() == reflect.String {
				safe[i] = Quote(fmt.Sprint(cell))
			}
		}
		t.AppendRow(safe)
	}
	for i, line := range strings.Split(t.Render(), "\n") {
		var colors text.Colors
		if i == 0 {
			colors = text.Colors{text.Bold}
		}
		p.Paint(colors, "%s", strings.TrimRight(line, " "))
	}
}

// Show writes v as JSON, or as text for people.
func Show(c *cobra.Command, output string, v any, people func(*Printer)) error {
	switch output {
	case "json":
		var text bytes.Buffer
		enc := json.NewEncoder(&text)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			return err
		}
		_, err := io.WriteString(c.OutOrStdout(), human.Quote(text.String(), "\n"))
		return err
	case "text":
		people(To(c.OutOrStdout()))
		return nil
	}
	return CheckOutput(output)
}

// Stamp formats a time for people, in UTC; the zero time is empty.
func Stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// Several formats a number of things: "1 error", "2 errors".
func Several[N int | int64](n N, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// Fact prints a line with a label, unless the value is empty.
func (p *Printer) Fact(label, value string) {
	if value != "" {
		p.Line("  %-13s%s", label, value)
	}
}

// UTC is a time for people, with its zone; zero is nothing.
func UTC(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return Stamp(t) + " UTC"
}
