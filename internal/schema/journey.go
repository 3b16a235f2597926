package schema

import "github.com/tabi-journeys/tabi/internal/journey"

// journey is the schema of <journey>.yaml.
func (b *builder) journey() *Schema {
	return object(keys{
		"journey":     b.label().with("The journey's name, which is also the file's."),
		"description": text().with("What the journey is for."),
		"owner":       text().with("Who is responsible for it."),
		"entry":       b.entry().with("What enters a customer: an event, a condition that turns true, or a schedule."),
		"vars": mapOf(
			&Schema{Pattern: variable},
			anything(),
		).with("Variables of the enrollment and their initial values: plain values, not expressions."),
		"goal": b.goal().with("The aim of the journey. An enrollment that reaches it ends with the outcome goal."),
		"exit": list(b.exitRule(), 0).with("Rules that end an enrollment early."),
		"reroute": list(
			b.reroute(),
			0,
		).with("Rules that move a running enrollment to another path; each fires once, unless repeat is true."),
		"timeout": b.duration().with("How long an enrollment may last; default 90d."),
		"steps":   b.steps().with("The main path, called main."),
		"paths": mapOf(
			&Schema{Pattern: kebab, Words: kebabWords, MaxLength: 100, Not: enum(journey.Main)},
			b.steps(),
		).with("Other paths, reached by go_to or reroute."),
	}, "journey", "entry", "steps")
}

func (b *builder) entry() *Schema {
	s := object(keys{
		"event":    b.events(),
		"when":     b.cel().with("A condition. Without an event and a schedule, a customer enters when it turns true for them."),
		"schedule": b.schedule().with("At this time of day, every customer for whom `when` is true enters."),
		"key":      b.cel().with("One enrollment per customer and key. A missing value means no entry."),
		"reentry":  b.reentry().with("When the same customer (and key) may enter again; default after_exit."),
		"holdout":  within(0, 100).with("Percent of customers kept untouched as a control group; default 0."),
	})
	s.AnyOf = need("event", "when", "schedule")
	s.Not = &Schema{Required: []string{"event", "schedule"}}
	return s
}

func (b *builder) schedule() *Schema {
	return object(keys{"at": localTime().with("The time of day."), "days": b.days(), "timezone": b.zone()}, "at")
}

func (b *builder) reentry() *Schema {
	mode := func(word, doc string) *Schema { return enum(word).with(doc) }
	return anyOf(
		mode(journey.ReentryNever, "Once in a lifetime."),
		mode(journey.ReentryAlways, "Even while an enrollment is open."),
		mode(journey.ReentryAfterExit, "Not while an enrollment is open."),
		object(
			keys{journey.ReentryAfter: b.duration().with("Not while an enrollment is open, nor within this time of the last entry.")},
			journey.ReentryAfter,
		),
	)
}

func (b *builder) goal() *Schema {
	s := object(keys{
		"event":  b.events(),
		"when":   b.cel().with("A condition on the event."),
		"value":  b.cel().with("A number: what reaching it is worth. Missing: 0."),
		"within": b.duration().with("How long from entry the goal is watched at least, even after the end of the path."),
	})
	s.AnyOf = need("event", "when")
	return s
}

func (b *builder) exitRule() *Schema {
	s := object(keys{
		"event":   b.events(),
		"when":    b.cel().with("A condition. Without an event it is checked on every event of the customer."),
		"outcome": word().with("The outcome; default exited."),
	})
	s.AnyOf = need("event", "when")
	return s
}

// reroute is the schema of a rule with an event, a condition or an intent.
func (b *builder) reroute() *Schema {
	common := keys{
		"event":  b.events(),
		"when":   b.cel().with("A condition. Without an event it is checked on every event of the customer."),
		"go_to":  word().with("The path."),
		"repeat": boolean().with("Whether the rule may fire more than once per enrollment; default false."),
	}
	s := object(common, "go_to")
	s.AnyOf = need("event", "when")
	return anyOf(s, object(and(common, level()), "intent", "go_to").levelled())
}
