package schema

import "github.com/tabi-journeys/tabi/internal/journey"

// journey is the schema of <journey>.yaml.
func (b *builder) journey() *Schema {
	return object(keys{
		"journey":     b.label().with("The journey's name: that of its file."),
		"description": text().with("What it is for, for people."),
		"owner":       text().with("Who answers for it."),
		"entry":       b.entry().with("What lets a customer in: an event, a condition that turns true, or a schedule."),
		"vars": mapOf(
			&Schema{Pattern: variable},
			anything(),
		).with("Variables of the instance and their starting values: plain values, not expressions."),
		"goal": b.goal().with("What the journey is for. An instance that reaches it ends with the outcome goal."),
		"exit": list(b.exitRule(), 0).with("Rules by which an instance leaves early."),
		"reroute": list(
			b.reroute(),
			0,
		).with("Rules that move an instance to another path, mid-flight; each once, unless repeat is true."),
		"timeout": b.duration().with("The longest life of an instance; default 90d."),
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
		"when":     b.cel().with("A condition. Without an event and a schedule: who enters is who it turns true for."),
		"schedule": b.schedule().with("At this time of day every customer enters for whom `when` is true."),
		"key":      b.cel().with("One instance per customer and key. A missing value: no entry."),
		"reentry":  b.reentry().with("When the same customer (and key) may enter again; default after_exit."),
		"holdout":  within(0, 100).with("Percent of the customers kept untouched as control group; default 0."),
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
		mode(journey.ReentryAlways, "Also while an instance is open."),
		mode(journey.ReentryAfterExit, "Not while an instance is open."),
		object(
			keys{journey.ReentryAfter: b.duration().with("Not while an instance is open, nor within this time of the last entry.")},
			journey.ReentryAfter,
		),
	)
}

func (b *builder) goal() *Schema {
	s := object(keys{
		"event":  b.events(),
		"when":   b.cel().with("A condition on the event."),
		"value":  b.cel().with("A number: what reaching it is worth. Missing: 0."),
		"within": b.duration().with("It is watched for at least this long from entry, also behind the end of the path."),
	})
	s.AnyOf = need("event", "when")
	return s
}

func (b *builder) exitRule() *Schema {
	s := object(keys{
		"event":   b.events(),
		"when":    b.cel().with("A condition. Without an event it is asked on every event of the customer."),
		"outcome": word().with("The outcome; default exited."),
	})
	s.AnyOf = need("event", "when")
	return s
}

// reroute is the schema of a rule with an event, a condition or an intent.
func (b *builder) reroute() *Schema {
	common := keys{
		"event":  b.events(),
		"when":   b.cel().with("A condition. Without an event it is asked on every event of the customer."),
		"go_to":  word().with("The path."),
		"repeat": boolean().with("More than once per instance; default false."),
	}
	s := object(common, "go_to")
	s.AnyOf = need("event", "when")
	return anyOf(s, object(and(common, level()), "intent", "go_to").levelled())
}
