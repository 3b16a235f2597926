package journey

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/syntax"
	"github.com/tabi-journeys/tabi/internal/schema/shape"
)

var waitForKind = Kind{
	Name:   "wait_for",
	Family: Waiting,
	Icon:   "M4 2h8M4 14h8M5 2c0 4 6 4 6 6s-6 2-6 6M11 2c0 4-6 4-6 6s6 2 6 6",
	Form: "list of arms `{event: NAME or list, when:, then: [...]}`, `{intent: NAME, above: X, then: [...]}`, `{intent: NAME, below: " +
		"X, then: [...]}`, or one bare arm; beside it `timeout:` (required), `on_timeout: [...]`, `since: entry`",
	Doc: "Waits until an event of an arm comes, or until the timeout. Events since the end of the last wait count; " +
		"`since: entry` looks back to the entry. Each event is used once. An intent arm is a level: it is taken if the score is " +
		"above or below its threshold when the wait begins, on an event, or when the score decays below the threshold.",
	Example: "- id: response\n  wait_for:\n    - {event: Order Completed, then: [{exit: bought}]}\n    - {event: Email Link Clicked, " +
		"when: event.message == \"cart-reminder\"}\n  timeout: 24h\n  on_timeout:\n    - wait: 1h\n",
	Results: []string{"event", "properties", "timed_out"},
	New:     func() Spec { return &WaitFor{} },
}

// EventArm is an arm of wait_for: it waits for an event or, with Level, for an intent.
type EventArm struct {
	Events []string  `json:"events" key:"event"`
	Level  *Level    `json:"level,omitempty"` // Events and When are then empty
	When   expr.Expr `json:"when,omitempty"`
	Then   int       `json:"then"` // index of the first step, or the step's Next
}

// WaitFor waits until an arm's event arrives, an arm's level of an intent holds, or Timeout has passed.
type WaitFor struct {
	Arms      []EventArm    `json:"arms"`
	Timeout   time.Duration `json:"timeout"`
	OnTimeout int           `json:"on_timeout"`
	Since     string        `json:"since,omitempty"` // "entry" also considers events since the entry
}

// Kind implements Spec.
func (*WaitFor) Kind() string { return "wait_for" }

// Fields implements Spec.
func (w *WaitFor) Fields() []syntax.Field {
	arms := syntax.ListOf(&w.Arms)
	arms.Bare = &syntax.Bare{Words: "waits for an event: write {event: %s}", Hint: "{event: %s}"}
	return []syntax.Field{
		{Key: "wait_for", Value: arms},
		{
			Key: "timeout", Doc: "How long to wait at most.", Need: "wait_for needs a timeout",
			Value: syntax.Duration{To: &w.Timeout},
		},
		{
			Key: "since", Doc: "Events since the entry count, not only those since the last wait.",
			Value: syntax.Enum{To: &w.Since, Words: []string{"entry"}},
		},
		syntax.Arm(ArmTimeout, "to take if no event came in time", syntax.Steps{To: &w.OnTimeout}),
	}
}

// Fields implements syntax.Part.
func (a *EventArm) Fields() []syntax.Field {
	level := a.Level
	if level == nil {
		level = &Level{} // has nothing to print
	}
	return append(level.Fields(),
		syntax.Field{Key: "event", Value: syntax.Events{To: &a.Events}},
		syntax.Field{Key: "when", Doc: "A condition on the event.", Value: syntax.CEL{To: &a.When, Want: expr.Bool}},
		syntax.Arm("then", "to take when the event comes", syntax.Steps{To: &a.Then}))
}

// Read reads what the arm waits for, an event or an intent, and its steps.
func (a *EventArm) Read(r *syntax.Reader) {
	m := r.Keys
	event, intent, when := m.Get("event"), m.Get("intent"), m.Get("when")
	switch {
	case intent != nil:
		a.Level = ReadLevel(m, r.Intent(intent), "an arm")
		for _, key := range []string{"event", "when"} {
			if m.Index(key) >= 0 {
				r.Report(m.Key(key), "unknown-key", "",
					"an arm of wait_for waits for an intent or for an event: move %s to another arm", key)
			}
		}
	case event == nil && StrayThreshold(m):
		r.Report(m.Node.Pos, "missing-key", "", "%q is missing: above and below are scores of an intent", "intent")
	case event == nil:
		r.Report(m.Node.Pos, "missing-key", "", "%q is missing: an arm of wait_for waits for an event, or for an intent", "event")
	default:
		a.Events, _ = r.Words(event, "event")
	}
	if intent == nil {
		a.When = r.Expr(when, expr.Bool)
	}
	r.Fields(syntax.Pick(a.Fields(), "then")...)
	r.Beside("wait_for", "timeout", ArmTimeout, "since")
}

// Schema implements syntax.OwnSchema.
func (a *EventArm) Schema(b *shape.Builder) *shape.Schema {
	return shape.AnyOf(
		b.Def("event_arm", func() *shape.Schema {
			return syntax.Mapping(b, syntax.Pick(a.Fields(), "event", "when", "then"), "event")
		}),
		b.Def("intent_arm", func() *shape.Schema {
			then := syntax.Arm("then", "to take when the score crosses the threshold", syntax.Steps{To: &a.Then})
			return syntax.Mapping(b, append((&Level{}).Fields(), then), "intent").OneThreshold()
		}),
	)
}

// Describe implements Spec.
func (w *WaitFor) Describe() Description {
	d := Description{Lines: []string{"at most " + human.Duration(w.Timeout)}, Parks: true, Forks: true, TakesEvent: true,
		LooksBack: w.Since != ""}
	if w.Since == "entry" {
		d.Lines[0] += ", events since entry count"
	}
	var waited []string
	for i := range w.Arms {
		arm := &w.Arms[i]
		d.Arms = append(d.Arms, Arm{Key: ArmNumber(i), To: &arm.Then, Always: true, Label: w.label(i), Full: arm.words()})
		d.Exprs = append(d.Exprs, Expression{"when", arm.When, expr.Bool})
		if arm.Level != nil {
			d.Levels = append(d.Levels, arm.Level)
			waited = append(waited, arm.Level.Words())
		} else {
			d.Events = append(d.Events, arm.Events)
			waited = append(waited, arm.Events...)
		}
	}
	d.Title = "for " + strings.Join(distinct(waited), " or ")
	d.Arms = append(d.Arms, armTimeout(&w.OnTimeout, w.Timeout, "nothing came"))
	return d
}

// words describes the arm: what it waits for, and its condition.
func (a *EventArm) words() string {
	switch {
	case a.Level != nil:
		return a.Level.Words()
	case a.When != "":
		return strings.Join(a.Events, " or ") + ", if " + string(a.When)
	}
	return strings.Join(a.Events, " or ")
}

// label describes an arm in a few words: without its condition, unless another arm waits for the same events.
func (w *WaitFor) label(i int) string {
	arm := &w.Arms[i]
	if arm.When == "" {
		return arm.words()
	}
	for k := range w.Arms {
		if k != i && slices.Equal(w.Arms[k].Events, arm.Events) {
			return strings.Join(arm.Events, " or ") + " if " + short(arm.When)
		}
	}
	return strings.Join(arm.Events, " or ")
}

// distinct returns the words without repeats, in their order.
func distinct(words []string) []string {
	var out []string
	for _, word := range words {
		if !slices.Contains(out, word) {
			out = append(out, word)
		}
	}
	return out
}

// valid checks everything in the spec except its jumps.
func (s *WaitFor) valid() error {
	for i, arm := range s.Arms {
		if arm.Level == nil {
			continue
		}
		if err := arm.Level.valid(); err != nil {
			return fmt.Errorf("arm %d: %w", i+1, err)
		}
		if len(arm.Events) > 0 || arm.When != "" {
			return fmt.Errorf("arm %d waits for an intent and for an event", i+1)
		}
	}
	return nil
}
