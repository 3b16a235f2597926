package journey

import (
	"errors"
	"regexp"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/journey/syntax"
	"github.com/tabi-journeys/tabi/internal/schema/shape"
)

var waitKind = Kind{
	Name:   "wait",
	Family: Waiting,
	Icon:   "M8 2a6 6 0 1 0 0 12a6 6 0 1 0 0-12M8 4.8V8l2.4 1.6",
	Form: "`wait: 2h` · `wait: {until: \"09:00\", days: [mon, tue], timezone: customer}` · `wait: {until: customer.trial_ends_at, " +
		"offset: -2d}`",
	Doc: "Waits for a duration, until a time of day on some days of the week, or until a moment: a timestamp, an RFC 3339 text, or a " +
		"date (midnight in `timezone`, by default the customer's). `offset` moves the moment. If the moment is past, missing or " +
		"unreadable, the step does not wait. No wait outlives the journey's `timeout`.",
	Example: "- wait: 1h30m\n- wait: {until: \"09:00\", days: [mon, tue, wed, thu, fri]}\n- wait: {until: customer.trial_ends_at, " +
		"offset: -2d}\n",
	New: func() Spec { return &Wait{} },
}

// Wait waits for Duration, or until the value of Until plus Offset, or until the next time of day At on one of Days.
type Wait struct {
	At       localtime.Time `json:"at,omitempty"`
	Days     []string       `json:"days,omitempty"` // of Weekdays, in that order; empty: every day
	Duration time.Duration  `json:"duration,omitempty" key:"wait"`
	Until    expr.Expr      `json:"until,omitempty"`
	Offset   time.Duration  `json:"offset,omitempty"` // may be negative
	Timezone string         `json:"timezone,omitempty"`
}

// Kind implements Spec.
func (*Wait) Kind() string { return "wait" }

// Fields implements Spec.
func (w *Wait) Fields() []syntax.Field {
	return []syntax.Field{{Key: "wait", Value: durationOrUntil{w}}}
}

// Describe implements Spec.
func (w *Wait) Describe() Description {
	return Description{
		Title: w.title(), Exprs: []Expression{{"until", w.Until, expr.Moment}},
		Arms: []Arm{{}}, Parks: true,
		Moment: w.Until, Local: w.Timezone == "" && (w.At != "" || w.Until != ""),
	}
}

func (w *Wait) title() string {
	switch {
	case w.At != "":
		text := "until " + string(w.At)
		if len(w.Days) > 0 {
			text += " on " + strings.Join(w.Days, ", ")
		}
		if w.Timezone == "" || w.Timezone == "customer" {
			return text + ", the customer's time"
		}
		return text + ", " + w.Timezone
	case w.Until != "" && w.Offset < 0:
		return human.Duration(-w.Offset) + " before " + string(w.Until)
	case w.Until != "" && w.Offset > 0:
		return human.Duration(w.Offset) + " after " + string(w.Until)
	case w.Until != "":
		return "until " + string(w.Until)
	}
	return "for " + human.Duration(w.Duration)
}

// valid checks everything in the spec except its jumps.
func (s *Wait) valid() error {
	switch {
	case s.At == "" && len(s.Days) > 0:
		return errors.New("days without a time of day")
	case s.At != "" && (s.Until != "" || s.Duration != 0 || s.Offset != 0):
		return errors.New("a time of day beside another moment")
	case s.At != "":
		return validClock(s.At, s.Days)
	}
	return nil
}

// durationOrUntil is the value of wait: a duration, or a mapping that says until when.
type durationOrUntil struct{ *Wait }

// Read implements syntax.Value.
func (w durationOrUntil) Read(r *syntax.Reader, f *syntax.Field, n *source.Node) {
	if n.Shape != source.Map {
		w.Duration, _ = r.Duration(n, f.Key, false)
		return
	}
	r.Part(n, f.Key, &waitUntil{Wait: w.Wait})
}

// Print implements syntax.Value.
func (w durationOrUntil) Print(p *syntax.Printer, _ *syntax.Field) *yaml.Node {
	if w.At == "" && w.Until == "" {
		return syntax.Plain(clock.FormatDuration(w.Duration))
	}
	return p.Part(&waitUntil{Wait: w.Wait})
}

// Schema implements syntax.Value.
func (w durationOrUntil) Schema(b *shape.Builder) *shape.Schema {
	fields := (&waitUntil{Wait: w.Wait}).Fields()
	timeOfDay := append([]syntax.Field{{
		Key: "until", Doc: "A time of day; if it is now or past, that of the next permitted day.",
		Value: syntax.LocalTime{To: &w.At},
	}}, syntax.Pick(fields, "days", "timezone")...)
	return shape.AnyOf(b.Duration(), syntax.Mapping(b, timeOfDay, "until"),
		syntax.Mapping(b, syntax.Pick(fields, "until", "offset", "timezone")))
}

// Inner returns the fields of the mapping.
func (w durationOrUntil) Inner() []syntax.Field { return (&waitUntil{Wait: w.Wait}).Fields() }

// waitUntil is the mapping of a wait: a time of day with days, or a moment with an offset.
type waitUntil struct {
	*Wait
	clock bool // until is a time of day
}

// Fields implements syntax.Part.
func (u *waitUntil) Fields() []syntax.Field {
	return []syntax.Field{
		{
			Key: "until", Doc: "An expression whose value is a timestamp, an RFC 3339 text, or a date (midnight in timezone).",
			Need: "a wait needs a duration or a moment (until)", Value: clockOrMoment{u},
		},
		{Key: "days", Value: syntax.Days{To: &u.Days}},
		{Key: "offset", Doc: "Moves the moment: -2d is two days before.", Value: syntax.Offset{To: &u.Offset}},
		{Key: "timezone", Value: syntax.Zone{To: &u.Timezone}},
	}
}

// Read reads the keys that belong to a time of day, or those that belong to a moment.
func (u *waitUntil) Read(r *syntax.Reader) {
	fields := u.Fields()
	r.Fields(syntax.Pick(fields, "until")...)
	rest := []string{"timezone"}
	switch days, offset := r.Keys.Get("days"), r.Keys.Get("offset"); {
	case u.clock && offset != nil:
		r.Report(r.Keys.Key("offset"), "unknown-key", "",
			"offset moves a moment such as customer.trial_ends_at; write the time of day that you mean")
		rest = append(rest, "days")
	case !u.clock && days != nil && r.Node("until") != nil:
		r.Report(r.Keys.Key("days"), "unknown-key", "",
			"days belongs to a time of day, such as until: \"09:00\"; this wait is until a moment")
		rest = append(rest, "offset")
	default:
		rest = append(rest, "days", "offset")
	}
	r.Fields(syntax.Pick(fields, rest...)...)
}

// clockOrMoment is the value of until: a time of day, or an expression.
type clockOrMoment struct{ *waitUntil }

var (
	// clockLike matches what is probably meant as a time of day, and is no expression.
	clockLike = regexp.MustCompile(`(?i)^\s*\d{1,2}\s*(:.*|[ap]\.?m\.?)\s*$`)
	// dateLike matches a date in the place of an expression, which CEL would read as a subtraction.
	dateLike = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
)

// Read implements syntax.Value.
func (m clockOrMoment) Read(r *syntax.Reader, f *syntax.Field, n *source.Node) {
	m.clock = n.IsText() && clockLike.MatchString(n.Text)
	switch {
	case m.clock:
		m.At = syntax.ReadLocalTime(r.Document, n, f.Key)
	case n.IsText() && dateLike.MatchString(n.Text):
		r.Report(n.At(0), "bad-expression", `"'`+n.Text+`'"`, "a date needs quotes inside the quotes")
	default:
		m.Until = r.Expr(n, expr.Moment)
	}
}

// Print implements syntax.Value.
func (m clockOrMoment) Print(*syntax.Printer, *syntax.Field) *yaml.Node {
	if m.At != "" {
		return syntax.Quoted(string(m.At))
	}
	return syntax.Expr(m.Until)
}

// Schema implements syntax.Value.
func (clockOrMoment) Schema(b *shape.Builder) *shape.Schema {
	s := b.CEL()
	s.Not = &shape.Schema{Type: "string", Pattern: `^\s*[0-9]{1,2}\s*(:.*|[aApP]\.?[mM]\.?)\s*$`} // clockLike, as ECMAScript reads it
	return s
}

// Expressions implements syntax.Expressive.
func (clockOrMoment) Expressions() syntax.Expressions { return syntax.Itself }
