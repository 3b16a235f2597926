package syntax

import (
	"math"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/schema/shape"
)

// Word is a string that is not blank. An empty one is left out of the YAML, unless the field has a Need.
type Word struct{ To *string }

// Read implements Value.
func (v Word) Read(r *Reader, f *Field, n *source.Node) { *v.To, _ = r.Word(n, f.what()) }

// Print implements Value.
func (v Word) Print(_ *Printer, f *Field) *yaml.Node { return optional(f, *v.To) }

// Schema implements Value.
func (Word) Schema(*shape.Builder) *shape.Schema { return shape.Word() }

// Label is a name in kebab-case, chosen by the designer.
type Label struct{ To *string }

// Read implements Value.
func (v Label) Read(r *Reader, f *Field, n *source.Node) {
	if text, ok := r.Label(n, f.what()); ok {
		*v.To = text
	}
}

// Print implements Value.
func (v Label) Print(_ *Printer, f *Field) *yaml.Node { return optional(f, *v.To) }

// Schema implements Value.
func (Label) Schema(b *shape.Builder) *shape.Schema { return b.Label() }

// Liquid is a template.
type Liquid struct{ To *string }

// Read implements Value.
func (v Liquid) Read(r *Reader, f *Field, n *source.Node) {
	var ok bool
	if *v.To, ok = r.Text(n, f.what()); ok {
		r.Template(n)
	}
}

// Print implements Value.
func (v Liquid) Print(_ *Printer, f *Field) *yaml.Node { return optional(f, *v.To) }

// Schema implements Value.
func (Liquid) Schema(*shape.Builder) *shape.Schema { return shape.Text() }

// optional returns a string, or nil for an empty one that need not be there.
func optional(f *Field, text string) *yaml.Node {
	if text == "" && f.Need == "" {
		return nil
	}
	return String(text)
}

// Enum is one of a few words. An absent one is Default.
type Enum struct {
	To      *string
	Words   []string
	Default string
}

// Read implements Value.
func (v Enum) Read(r *Reader, f *Field, n *source.Node) { *v.To, _ = r.OneOf(n, f.what(), v.Words...) }

// Absent sets the default.
func (v Enum) Absent(*Reader, *Field) { *v.To = v.Default }

// Print implements Value.
func (v Enum) Print(*Printer, *Field) *yaml.Node {
	if *v.To == v.Default {
		return nil
	}
	return Plain(*v.To)
}

// Schema implements Value.
func (v Enum) Schema(*shape.Builder) *shape.Schema { return shape.Enum(v.Words...) }

// Bool is true or false. It is left out of the YAML if To is false.
type Bool struct {
	To  *bool
	Not bool // To is the opposite of what is written
}

// Read implements Value.
func (v Bool) Read(r *Reader, f *Field, n *source.Node) { *v.To = r.Boolean(n, f.what()) != v.Not }

// Print implements Value.
func (v Bool) Print(*Printer, *Field) *yaml.Node {
	if !*v.To {
		return nil
	}
	return Flow(!v.Not)
}

// Schema implements Value.
func (Bool) Schema(*shape.Builder) *shape.Schema { return shape.Boolean() }

// Duration is a duration. An absent one is Default.
type Duration struct {
	To      *time.Duration
	Default time.Duration
	Refuse  func(time.Duration) string // returns why a duration is not allowed, or ""
}

// Read implements Value.
func (v Duration) Read(r *Reader, f *Field, n *source.Node) {
	d, ok := r.Duration(n, f.what(), false)
	if ok && v.Refuse != nil {
		if why := v.Refuse(d); why != "" {
			r.Report(n.Pos, "bad-value", "", "%s", why)
			return
		}
	}
	*v.To = d
}

// Absent sets the default.
func (v Duration) Absent(*Reader, *Field) { *v.To = v.Default }

// Print implements Value.
func (v Duration) Print(_ *Printer, f *Field) *yaml.Node {
	if *v.To == v.Default && f.Need == "" {
		return nil
	}
	return Plain(clock.FormatDuration(*v.To))
}

// Schema implements Value.
func (Duration) Schema(b *shape.Builder) *shape.Schema { return b.Duration() }

// NotZero returns a Refuse for durations that must not be 0s.
func NotZero(why string) func(time.Duration) string {
	return func(d time.Duration) string {
		if d == 0 {
			return why
		}
		return ""
	}
}

// Amount is a number of at least 0. One that is absent or unreadable is NaN, so that no comparison with it is true and
// nothing more is reported about it.
type Amount struct{ To *float64 }

// Read implements Value.
func (v Amount) Read(r *Reader, f *Field, n *source.Node) {
	amount, ok := r.Number(n, f.what(), 0, math.Inf(1))
	if !ok {
		amount = math.NaN()
	}
	*v.To = amount
}

// Absent sets NaN.
func (v Amount) Absent(*Reader, *Field) { *v.To = math.NaN() }

// Print implements Value.
func (v Amount) Print(*Printer, *Field) *yaml.Node { return Number(*v.To) }

// Schema implements Value.
func (Amount) Schema(*shape.Builder) *shape.Schema { return shape.Amount(0) }

// Score is the score of an intent, from 0 to 1, or nil.
type Score struct{ To **float64 }

// Read implements Value.
func (v Score) Read(r *Reader, f *Field, n *source.Node) {
	score, _ := r.Number(n, f.what(), 0, 1)
	*v.To = &score
}

// Print implements Value.
func (v Score) Print(*Printer, *Field) *yaml.Node {
	if *v.To == nil {
		return nil
	}
	return Number(**v.To)
}

// Schema implements Value.
func (Score) Schema(*shape.Builder) *shape.Schema { return shape.Within(0, 1) }

// Events is the name of an event, or a list of names.
type Events struct{ To *[]string }

// Read implements Value.
func (v Events) Read(r *Reader, f *Field, n *source.Node) { *v.To, _ = r.Words(n, f.what()) }

// Print implements Value.
func (v Events) Print(*Printer, *Field) *yaml.Node { return Words(*v.To) }

// Schema implements Value.
func (Events) Schema(b *shape.Builder) *shape.Schema { return b.Events() }
