package schema

import (
	"strings"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/schema/shape"
)

// form is the syntax of a kind of step.
type form struct {
	value   *shape.Schema
	options shape.Keys
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
		"activity": (*builder).activity,
		"go_to":    func(*builder) form { return form{value: shape.Word()} },
		"exit":     func(*builder) form { return form{value: shape.Word()} },
	}
}

func (b *builder) steps() *shape.Schema {
	return b.Def("steps", func() *shape.Schema { return shape.List(b.step(), 0) })
}

// arm is a nested list of steps, after which the journey continues.
func (b *builder) arm(when string) *shape.Schema {
	return b.steps().With("Steps " + when + "; then the journey continues after the step.")
}

// step is a mapping with exactly one kind.
func (b *builder) step() *shape.Schema {
	return b.Def("step", func() *shape.Schema {
		s := &shape.Schema{Description: "A step: one kind, and optionally id, name and when."}
		for _, kind := range journey.Kinds {
			s.OneOf = append(s.OneOf, b.Def("step_"+kind.Name, func() *shape.Schema { return b.kind(kind) }))
		}
		return s
	})
}

// kind is a step of one kind: its key, its options, and the keys that every step may have.
func (b *builder) kind(kind journey.Kind) *shape.Schema {
	build, known := forms()[kind.Name]
	if !known {
		return shape.Object(shape.Keys{kind.Name: shape.Anything()}, kind.Name) // a kind without a line in forms; a test reports it
	}
	f := build(b)
	doc := kind.Doc
	if len(kind.Results) > 0 {
		doc += "\n\nLeaves in steps.<id>: " + strings.Join(kind.Results, ", ") + "."
	}
	properties := shape.And(f.options, shape.Keys{
		kind.Name: f.value.With(doc),
		"id": b.Label().
			With("The step's id in the journey, in expressions (- as _), in scenarios and for go_to. Give one to every step that you may move."),
		"name": shape.Text().With("The step's name for people."),
		"when": b.CEL().With("Skip the step unless this is true."),
	})
	s := shape.Object(properties, append([]string{kind.Name}, f.needs...)...)
	s.Title, s.Description = kind.Name, strings.ReplaceAll(kind.Form, "`", "")
	return s
}

func (b *builder) wait() form {
	moment := b.CEL()
	moment.Not = &shape.Schema{Type: "string", Pattern: shape.ClockLike}
	return form{value: shape.AnyOf(
		b.Duration(),
		shape.Object(shape.Keys{
			"until":    shape.TimeOfDay().With("A time of day; if it is now or past, that of the next permitted day."),
			"days":     b.Days(),
			"timezone": b.Zone(),
		}, "until"),
		shape.Object(shape.Keys{
			"until": moment.With("An expression whose value is a timestamp, an RFC 3339 text, or a date (midnight in timezone)."),
			"offset": (&shape.Schema{Type: "string", Pattern: shape.Offset, Words: shape.SpanWords, MinLength: 2, Examples: []any{"-2d", "1h"}}).With(
				"Moves the moment: -2d is two days before.",
			),
			"timezone": b.Zone(),
		}, "until"),
	)}
}

func (b *builder) waitFor() form {
	arm := b.Def("event_arm", func() *shape.Schema {
		return shape.Object(shape.Keys{
			"event": b.Events(),
			"when":  b.CEL().With("A condition on the event."),
			"then":  b.arm("to take when the event comes"),
		}, "event")
	})
	one := shape.AnyOf(arm, b.Def("intent_arm", func() *shape.Schema {
		return shape.Object(shape.And(shape.Level(), shape.Keys{"then": b.arm("to take when the score crosses the threshold")}), "intent").
			Levelled()
	}))
	return form{
		value: shape.AnyOf(one, shape.List(one, 1)),
		options: shape.Keys{
			"timeout":    b.Duration().With("How long to wait at most."),
			"on_timeout": b.arm("to take if no event came in time"),
			"since":      shape.Enum("entry").With("Events since the entry count, not only those since the last wait."),
		},
		needs: []string{"timeout"},
	}
}

func (b *builder) branch() form {
	return form{
		value: shape.List(shape.Object(shape.Keys{
			"when": b.CEL().With("The arm is taken if this is true and no arm above it was."),
			"then": b.arm("of the arm"),
		}, "when"), 1),
		options: shape.Keys{"else": b.arm("to take if no arm is true")},
	}
}

func (b *builder) split() form {
	return form{value: shape.List(shape.Object(shape.Keys{
		"weight": shape.Amount(0).With("The arm's share of the sum of all."),
		"name":   b.Label().With("The arm's name in reports and scenarios."),
		"then":   b.arm("of the arm"),
	}, "weight"), 1)}
}

// saying are the keys of a message, in send and ask.
func (b *builder) saying() shape.Keys {
	return shape.Keys{
		"via": b.Via().
			With("A channel, best (the default: the permitted channel that the customer answers most), or a list: the first permitted."),
		"data":       shape.MapOf(&shape.Schema{Pattern: shape.Variable}, b.CEL()).With("Values for the message, as data.x."),
		"category":   shape.Enum(journey.Marketing, journey.Transactional).With("Default marketing."),
		"topic":      shape.Word().With("The topic, which limits can name."),
		"tone":       shape.Word().With("One of the message's tones."),
		"on_blocked": b.arm("to take if the policy forbids every channel"),
		"on_failure": b.arm("to take if the message could not be delivered"),
	}
}

func (b *builder) send() form { return form{value: shape.Reference(), options: b.saying()} }

func (b *builder) decide() form {
	return form{
		value: shape.AnyOf(
			shape.Word().With("A group of actions."),
			(&shape.Schema{Type: "array", Items: shape.Word(), MinItems: 1, UniqueItems: true}).With("Actions."),
		),
		options: shape.Keys{
			"send": shape.Boolean().With("false: only choose. Default true."),
			"via":  b.Via().With("Restricts the channels that actions may be offered on."),
			"none": b.arm("to take if nothing is chosen"),
		},
	}
}

func (b *builder) ask() form {
	arm := func(key string, value *shape.Schema) *shape.Schema {
		return shape.Object(shape.Keys{key: value, "then": b.arm("to take when the reply matches")}, key)
	}
	reply := b.Def("reply_arm", func() *shape.Schema {
		return &shape.Schema{OneOf: []*shape.Schema{
			arm("intent", shape.Word().With("The reply is classified as this intent.")),
			arm("matches", shape.Word().With("This regular expression (RE2) is found in the text.")),
			arm("any", (&shape.Schema{Enum: []any{true}}).With("Any reply.")),
		}}
	})
	return form{
		value: shape.Reference(),
		options: shape.And(b.saying(), shape.Keys{
			"timeout": b.Duration().With("How long to wait at most, from the moment of asking."),
			"replies": shape.List(
				reply,
				1,
			).With("The first arm that matches a reply is taken. Without replies, the journey continues after the step on any reply."),
			"on_timeout": b.arm("to take if no matching reply came in time"),
		}),
		needs: []string{"timeout"},
	}
}

func (b *builder) handoff() form {
	return form{
		value: shape.Word(),
		options: shape.Keys{
			"priority": shape.Enum(journey.Priorities...).With("Default normal."),
			"note":     shape.Text().With("Liquid: a note for the agents of the queue."),
			"timeout":  b.Duration().With("How long to wait at most; default: until the enrollment ends."),
			"outcomes": shape.MapOf(
				&shape.Schema{MinLength: 1},
				b.arm("to take on this outcome"),
			).With("Steps by outcome. After any other outcome the journey continues after the step."),
			"on_timeout": b.arm("to take if nobody resolved it in time"),
		},
	}
}

func (b *builder) set() form {
	s := shape.MapOf(&shape.Schema{Pattern: shape.SetTarget, Words: "The target of set is vars.x or customer.x."}, b.CEL())
	s.MinProperties = 1
	return form{value: s}
}

func (b *builder) emit() form {
	return form{
		value: shape.Word(),
		options: shape.Keys{
			"properties": shape.MapOf(&shape.Schema{MinLength: 1}, b.CEL()).
				With("Properties of the event. A property whose value is missing is left out."),
		},
	}
}

// methods are the HTTP methods of a call.
var methods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"}

func (b *builder) call() form {
	return form{
		value: shape.Object(shape.Keys{
			"url": (&shape.Schema{Type: "string", Pattern: shape.Address, Words: "An address begins with https:// or http:// and a host."}).With(
				"Liquid: the address; http or https.",
			),
			"method":  shape.Enum(methods...).With("Default GET, POST with a body."),
			"headers": shape.MapOf(&shape.Schema{Pattern: shape.Header}, shape.Text()).With("Liquid."),
			"body": (&shape.Schema{Type: []string{"string", "number", "object", "array"}}).With(
				"Liquid: a text that is sent as it is, or a mapping or list that is sent as JSON.",
			),
			"timeout": b.Duration().With("How long one attempt may take; default 10s, at most 60s."),
		}, "url"),
		options: shape.Keys{"on_failure": b.arm("to take if the request failed for good")},
	}
}

func (b *builder) activity() form {
	return form{
		value: shape.Object(shape.Keys{
			"name":       activityName().With("The activity type, as its worker registers it."),
			"task_queue": activityName().With("The task queue of the workers that have the activity."),
			"input": shape.MapOf(&shape.Schema{MinLength: 1}, b.CEL()).
				With("One JSON object, at most 64 KiB. A key whose value is missing is left out."),
			"timeout":   b.Duration().With("How long one attempt may take."),
			"retry_for": b.Duration().With("How long all attempts may take together; default 1h, or timeout if that is longer."),
		}, "name", "task_queue", "timeout"),
		options: shape.Keys{"on_failure": b.arm("to take if the activity failed for good")},
	}
}

// activityName is the name of an activity or of a task queue.
func activityName() *shape.Schema {
	s := shape.Word()
	s.MaxLength = journey.MaxActivityName
	return s
}
