package schema

import (
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/syntax"
	"github.com/tabi-journeys/tabi/internal/schema/shape"
)

// journey is the schema of <journey>.yaml.
func (b *builder) journey() *shape.Schema {
	return shape.Object(shape.Keys{
		"journey":     b.Label().With("The journey's name, which is also the file's."),
		"description": shape.Text().With("What the journey is for."),
		"owner":       shape.Text().With("Who is responsible for it."),
		"entry":       b.entry().With("What enters a customer: an event, a condition that turns true, or a schedule."),
		"vars": shape.MapOf(
			&shape.Schema{Pattern: shape.Variable},
			shape.Anything(),
		).With("Variables of the enrollment and their initial values: plain values, not expressions."),
		"goal": b.goal().With("The aim of the journey. An enrollment that reaches it ends with the outcome goal."),
		"exit": shape.List(b.exitRule(), 0).With("Rules that end an enrollment early."),
		"reroute": shape.List(
			b.reroute(),
			0,
		).With("Rules that move a running enrollment to another path; each fires once, unless repeat is true."),
		"timeout": b.Duration().With("How long an enrollment may last; default 90d."),
		"steps":   b.steps().With("The main path, called main."),
		"paths": shape.MapOf(
			&shape.Schema{Pattern: shape.Kebab, Words: shape.KebabWords, MaxLength: 100, Not: shape.Enum(journey.Main)},
			b.steps(),
		).With("Other paths, reached by go_to or reroute."),
	}, "journey", "entry", "steps")
}

func (b *builder) entry() *shape.Schema {
	s := shape.Object(shape.Keys{
		"event":    b.Events(),
		"when":     b.CEL().With("A condition. Without an event and a schedule, a customer enters when it turns true for them."),
		"schedule": b.schedule().With("At this time of day, every customer for whom `when` is true enters."),
		"key":      b.CEL().With("One enrollment per customer and key. A missing value means no entry."),
		"reentry":  b.reentry().With("When the same customer (and key) may enter again; default after_exit."),
		"holdout":  shape.Within(0, 100).With("Percent of customers kept untouched as a control group; default 0."),
	})
	s.AnyOf = shape.Need("event", "when", "schedule")
	s.Not = &shape.Schema{Required: []string{"event", "schedule"}}
	return s
}

func (b *builder) schedule() *shape.Schema { return syntax.Schema(b.Builder, &journey.Schedule{}) }

func (b *builder) reentry() *shape.Schema {
	mode := func(word, doc string) *shape.Schema { return shape.Enum(word).With(doc) }
	return shape.AnyOf(
		mode(journey.ReentryNever, "Once in a lifetime."),
		mode(journey.ReentryAlways, "Even while an enrollment is open."),
		mode(journey.ReentryAfterExit, "Not while an enrollment is open."),
		shape.Object(
			shape.Keys{journey.ReentryAfter: b.Duration().With("Not while an enrollment is open, nor within this time of the last entry.")},
			journey.ReentryAfter,
		),
	)
}

func (b *builder) goal() *shape.Schema {
	s := shape.Object(shape.Keys{
		"event":  b.Events(),
		"when":   b.CEL().With("A condition on the event."),
		"value":  b.CEL().With("A number: what reaching it is worth. Missing: 0."),
		"within": b.Duration().With("How long from entry the goal is watched at least, even after the end of the path."),
	})
	s.AnyOf = shape.Need("event", "when")
	return s
}

func (b *builder) exitRule() *shape.Schema {
	s := shape.Object(shape.Keys{
		"event":   b.Events(),
		"when":    b.CEL().With("A condition. Without an event it is checked on every event of the customer."),
		"outcome": shape.Word().With("The outcome; default exited."),
	})
	s.AnyOf = shape.Need("event", "when")
	return s
}

// reroute is the schema of a rule with an event, a condition or an intent.
func (b *builder) reroute() *shape.Schema {
	common := shape.Keys{
		"event":  b.Events(),
		"when":   b.CEL().With("A condition. Without an event it is checked on every event of the customer."),
		"go_to":  shape.Word().With("The path."),
		"repeat": shape.Boolean().With("Whether the rule may fire more than once per enrollment; default false."),
	}
	s := shape.Object(common, "go_to")
	s.AnyOf = shape.Need("event", "when")
	return shape.AnyOf(
		s,
		shape.Object(shape.And(common, syntax.Keys(b.Builder, (&journey.Level{}).Fields())), "intent", "go_to").OneThreshold(),
	)
}
