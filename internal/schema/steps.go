package schema

import (
	"strings"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// form is the syntax of a kind of step.
type form struct {
	value   *Schema
	options keys
	needs   []string // required options
}

// forms has one line per kind of journey.Kinds.
func forms() map[string]func(*builder) form {
	return map[string]func(*builder) form{
		"wait":     (*builder).wait,
		"wait_for": (*builder).waitFor,
		"branch":   (*builder).branch,
		"split":    (*builder).split,
		"send":     (*builder).send,
		"decide":   (*builder).decide,
		"ask":      (*builder).ask,
		"handoff":  (*builder).handoff,
		"set":      (*builder).set,
		"emit":     (*builder).emit,
		"call":     (*builder).call,
		"go_to":    func(*builder) form { return form{value: word()} },
		"exit":     func(*builder) form { return form{value: word()} },
	}
}

func (b *builder) steps() *Schema {
	return b.def("steps", func() *Schema { return list(b.step(), 0) })
}

// arm is a nested list of steps, after which the journey continues.
func (b *builder) arm(when string) *Schema {
	return b.steps().with("Steps " + when + "; then the journey continues after the step.")
}

// step is a mapping with exactly one kind.
func (b *builder) step() *Schema {
	return b.def("step", func() *Schema {
		s := &Schema{Description: "A step: one kind, and optionally id, name and when."}
		for _, kind := range journey.Kinds {
			s.OneOf = append(s.OneOf, b.def("step_"+kind.Name, func() *Schema { return b.kind(kind) }))
		}
		return s
	})
}

// kind is a step of one kind: its key, its options, and the keys that every step may have.
func (b *builder) kind(kind journey.Kind) *Schema {
	build, known := forms()[kind.Name]
	if !known {
		return object(keys{kind.Name: anything()}, kind.Name) // a kind without a line in forms; a test reports it
	}
	f := build(b)
	doc := kind.Doc
	if len(kind.Results) > 0 {
		doc += "\n\nLeaves in steps.<id>: " + strings.Join(kind.Results, ", ") + "."
	}
	properties := and(f.options, keys{
		kind.Name: f.value.with(doc),
		"id": b.label().
			with("The step's id in the journey, in expressions (- as _), in scenarios and for go_to. Give one to every step that you may move."),
		"name": text().with("The step's name for people."),
		"when": b.cel().with("Skip the step unless this is true."),
	})
	s := object(properties, append([]string{kind.Name}, f.needs...)...)
	s.Title, s.Description = kind.Name, strings.ReplaceAll(kind.Form, "`", "")
	return s
}

func (b *builder) wait() form {
	moment := b.cel()
	moment.Not = &Schema{Type: "string", Pattern: clockLike}
	return form{value: anyOf(
		b.duration(),
		object(keys{
			"until":    localTime().with("A time of day; if it is now or past, that of the next permitted day."),
			"days":     b.days(),
			"timezone": b.zone(),
		}, "until"),
		object(keys{
			"until": moment.with("An expression whose value is a timestamp, an RFC 3339 text, or a date (midnight in timezone)."),
			"offset": (&Schema{Type: "string", Pattern: offset, Words: spanWords, MinLength: 2, Examples: []any{"-2d", "1h"}}).with(
				"Moves the moment: -2d is two days before.",
			),
			"timezone": b.zone(),
		}, "until"),
	)}
}

func (b *builder) waitFor() form {
	arm := b.def("event_arm", func() *Schema {
		return object(keys{
			"event": b.events(),
			"when":  b.cel().with("A condition on the event."),
			"then":  b.arm("to take when the event comes"),
		}, "event")
	})
	one := anyOf(arm, b.def("intent_arm", func() *Schema {
		return object(and(level(), keys{"then": b.arm("to take when the score crosses the threshold")}), "intent").levelled()
	}))
	return form{
		value: anyOf(one, list(one, 1)),
		options: keys{
			"timeout":    b.duration().with("How long to wait at most."),
			"on_timeout": b.arm("to take if no event came in time"),
			"since":      enum("entry").with("Events since the entry count, not only those since the last wait."),
		},
		needs: []string{"timeout"},
	}
}

func (b *builder) branch() form {
	return form{
		value: list(object(keys{
			"when": b.cel().with("The arm is taken if this is true and no arm above it was."),
			"then": b.arm("of the arm"),
		}, "when"), 1),
		options: keys{"else": b.arm("to take if no arm is true")},
	}
}

func (b *builder) split() form {
	return form{value: list(object(keys{
		"weight": amount(0).with("The arm's share of the sum of all."),
		"name":   b.label().with("The arm's name in reports and scenarios."),
		"then":   b.arm("of the arm"),
	}, "weight"), 1)}
}

// saying are the keys of a message, in send and ask.
func (b *builder) saying() keys {
	return keys{
		"via": b.via().
			with("A channel, best (the default: the permitted channel that the customer answers most), or a list: the first permitted."),
		"data":       mapOf(&Schema{Pattern: variable}, b.cel()).with("Values for the message, as data.x."),
		"category":   enum(journey.Marketing, journey.Transactional).with("Default marketing."),
		"topic":      word().with("The topic, which limits can name."),
		"tone":       word().with("One of the message's tones."),
		"on_blocked": b.arm("to take if the policy forbids every channel"),
		"on_failure": b.arm("to take if the message could not be delivered"),
	}
}

func (b *builder) send() form { return form{value: reference(), options: b.saying()} }

func (b *builder) decide() form {
	return form{
		value: anyOf(
			word().with("A group of actions."),
			(&Schema{Type: "array", Items: word(), MinItems: 1, UniqueItems: true}).with("Actions."),
		),
		options: keys{
			"send": boolean().with("false: only choose. Default true."),
			"via":  b.via().with("Restricts the channels that actions may be offered on."),
			"none": b.arm("to take if nothing is chosen"),
		},
	}
}

func (b *builder) ask() form {
	arm := func(key string, value *Schema) *Schema {
		return object(keys{key: value, "then": b.arm("to take when the reply matches")}, key)
	}
	reply := b.def("reply_arm", func() *Schema {
		return &Schema{OneOf: []*Schema{
			arm("intent", word().with("The reply is classified as this intent.")),
			arm("matches", word().with("This regular expression (RE2) is found in the text.")),
			arm("any", (&Schema{Enum: []any{true}}).with("Any reply.")),
		}}
	})
	return form{
		value: reference(),
		options: and(b.saying(), keys{
			"timeout": b.duration().with("How long to wait at most, from the moment of asking."),
			"replies": list(
				reply,
				1,
			).with("The first arm that matches a reply is taken. Without replies, the journey continues after the step on any reply."),
			"on_timeout": b.arm("to take if no matching reply came in time"),
		}),
		needs: []string{"timeout"},
	}
}

func (b *builder) handoff() form {
	return form{
		value: word(),
		options: keys{
			"priority": enum(journey.Priorities...).with("Default normal."),
			"note":     text().with("Liquid: a note for the agents of the queue."),
			"timeout":  b.duration().with("How long to wait at most; default: until the enrollment ends."),
			"outcomes": mapOf(
				&Schema{MinLength: 1},
				b.arm("to take on this outcome"),
			).with("Steps by outcome. After any other outcome the journey continues after the step."),
			"on_timeout": b.arm("to take if nobody resolved it in time"),
		},
	}
}

func (b *builder) set() form {
	s := mapOf(&Schema{Pattern: target, Words: "The target of set is vars.x or customer.x."}, b.cel())
	s.MinProperties = 1
	return form{value: s}
}

func (b *builder) emit() form {
	return form{
		value:   word(),
		options: keys{"properties": mapOf(&Schema{MinLength: 1}, b.cel()).with("Properties of the event. A property whose value is missing is left out.")},
	}
}

// methods are the HTTP methods of a call.
var methods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"}

func (b *builder) call() form {
	return form{
		value: object(keys{
			"url": (&Schema{Type: "string", Pattern: address, Words: "An address begins with https:// or http:// and a host."}).with(
				"Liquid: the address; http or https.",
			),
			"method":  enum(methods...).with("Default GET, POST with a body."),
			"headers": mapOf(&Schema{Pattern: header}, text()).with("Liquid."),
			"body": (&Schema{Type: []string{"string", "number", "object", "array"}}).with(
				"Liquid: a text that is sent as it is, or a mapping or list that is sent as JSON.",
			),
			"timeout": b.duration().with("How long one attempt may take; default 10s, at most 60s."),
		}, "url"),
		options: keys{"on_failure": b.arm("to take if the request failed for good")},
	}
}
