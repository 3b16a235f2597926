package journey

import (
	"errors"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
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

// Wait parks for Duration, or until the moment that Until evaluates to plus Offset, or until the next time of day At on
// one of Days.
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

// Describe implements Spec.
func (w *Wait) Describe() Description {
	return Description{
		Title: w.title(), Exprs: []Expression{{"until", w.Until, expr.Moment}},
		Arms: []Arm{{}}, Parks: true,
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
