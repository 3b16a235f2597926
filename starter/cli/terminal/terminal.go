// Package terminal prints for people and for programs: lines, tables, JSON, progress.
package terminal

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/app"
)

// OutputFlag adds --output, text or json.
func OutputFlag(c *cobra.Command, to *string) {
	c.Flags().StringVarP(to, "output", "o", "text", "text or json")
}

// Printer writes for people.
type Printer struct{ w io.Writer }

// To returns a printer to w.
func To(w io.Writer) *Printer { return &Printer{w} }

// Write writes text as it is.
func (p *Printer) Write(text []byte) (int, error) { return p.w.Write(text) }

// Line prints a line.

func (p *Printer) Line(format string, args ...any) { _, _ = fmt.Fprintf(p.w, format+"\n", args...) }

// Table prints a table, without lines around it.
func (p *Printer) Table(head table.Row, rows []table.Row) {
	t := table.NewWriter()
	style := table.StyleLight
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = text.FormatDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	t.SetStyle(style)
	t.AppendHeader(head)
	t.AppendRows(rows)
	for line := range strings.SplitSeq(t.Render(), "\n") {
		p.Line("%s", strings.TrimRight(line, " "))
	}
}

// Show writes v as JSON, or as text for people.
func Show(c *cobra.Command, output string, v any, people func(*Printer)) error {
	switch output {
	case "json":
		enc := json.NewEncoder(c.OutOrStdout())
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(v)
	case "text":
		people(To(c.OutOrStdout()))
		return nil
	}
	return app.Usage("--output is %q: give text or json", output)
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
