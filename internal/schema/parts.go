package schema

import (
	"maps"

	"github.com/tabi-journeys/tabi/internal/journey"
)

const (
	notBlank  = `\S`
	kebab     = `^[a-z0-9]+(-[a-z0-9]+)*$`
	variable  = `^[A-Za-z_][A-Za-z0-9_]*$`
	target    = `^(vars|customer)\.[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$`
	span      = `^([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$`
	offset    = `^[+-]?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$`
	timeOfDay = `^\s*([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?\s*$`
	clockLike = `^\s*[0-9]{1,2}\s*(:.*|[aApP]\.?[mM]\.?)\s*$`
	moment    = `^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)? ?(Z|[+-][0-9]{2}:[0-9]{2})?)?\s*$`
	address   = `^([hH][tT][tT][pP][sS]?://[^\s/?#]|\s*(\{\{|\{%))`
	header    = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
)

// Messages that editors show for strings that do not match.
const (
	kebabWords = "A name is small letters, digits and single hyphens: order-follow-up."
	spanWords  = "A duration is written like 90s, 15m, 2h, 3d, 1w or 1h30m, the largest unit first."
)

func number(v float64) *float64 { return &v }

// keys are the properties of a mapping.
type keys = map[string]*Schema

// with adds the description of a key to the schema of its value. In this draft a $ref may have siblings.
func (s *Schema) with(doc string) *Schema {
	out := *s
	out.Description = doc
	return &out
}

// object is a mapping with these keys and no others.
func object(properties keys, required ...string) *Schema {
	return &Schema{Type: "object", Properties: properties, Required: required, Others: false}
}

// mapOf is a mapping of names to values of one schema.
func mapOf(names, values *Schema) *Schema {
	return &Schema{Type: "object", PropertyNames: names, Others: values}
}

func list(of *Schema, atLeast int) *Schema {
	return &Schema{Type: "array", Items: of, MinItems: atLeast}
}

func anyOf(of ...*Schema) *Schema { return &Schema{AnyOf: of} }

// need requires at least one of the keys.
func need(names ...string) []*Schema {
	var out []*Schema
	for _, name := range names {
		out = append(out, &Schema{Required: []string{name}})
	}
	return out
}

func enum(words ...string) *Schema {
	s := &Schema{Type: "string"}
	for _, word := range words {
		s.Enum = append(s.Enum, word)
	}
	return s
}

// anything is any JSON value.
func anything() *Schema { return &Schema{} }

// text is a string for people; a number is allowed too.
func text() *Schema { return &Schema{Type: []string{"string", "number"}} }

// word is a string that is not blank.
func word() *Schema { return &Schema{Type: "string", Pattern: notBlank, Words: "This is empty."} }

// id is a string that is not blank, or a number.
func id() *Schema { return &Schema{Type: []string{"string", "number"}, Pattern: notBlank} }

func boolean() *Schema { return &Schema{Type: "boolean"} }

// amount is a number of at least low.
func amount(low float64) *Schema { return &Schema{Type: "number", Minimum: number(low)} }

func within(low, high float64) *Schema {
	return &Schema{Type: "number", Minimum: number(low), Maximum: number(high)}
}

func whole(low, high float64) *Schema {
	return &Schema{Type: "integer", Minimum: number(low), Maximum: number(high)}
}

// label is a name given by a designer.
func (b *builder) label() *Schema {
	return b.def("label", func() *Schema {
		return &Schema{
			Description: "A name: small letters, digits and single hyphens.",
			Type:        []string{"string", "integer"},
			Pattern:     kebab,
			Words:       kebabWords,
			MaxLength:   100,
			Minimum:     number(0),
		}
	})
}

// names are the keys of a mapping that are labels.
func names() *Schema { return &Schema{Pattern: kebab, Words: kebabWords, MaxLength: 100} }

// reference is the name of something that is defined elsewhere.
func reference() *Schema { return &Schema{Type: "string", Pattern: kebab, Words: kebabWords} }

func (b *builder) duration() *Schema {
	return b.def("duration", func() *Schema {
		return &Schema{
			Description: "A duration: 90s, 15m, 2h, 3d, 1w, or 1h30m. A day is 24 hours.",
			Type:        "string",
			Pattern:     span,
			Words:       spanWords,
			MinLength:   2,
			Examples:    []any{"90s", "15m", "2h", "3d", "1w", "2d12h"},
		}
	})
}

// cel is an expression; a number or boolean is allowed too.
func (b *builder) cel() *Schema {
	return b.def("expression", func() *Schema {
		return &Schema{
			Description: "A CEL expression over customer, entry, event, event_name, intent, vars, steps and now. A number or a " +
				"boolean is itself; a text needs quotes inside the quotes: \"'trial'\".",
			Type: []string{"string", "number", "boolean"}, Pattern: notBlank,
		}
	})
}

// events is the name of an event, or a list of names.
func (b *builder) events() *Schema {
	return b.def("events", func() *Schema {
		return &Schema{
			Description: "The name of an event, exactly as the channel sends it, or a list of names.",
			AnyOf:       []*Schema{word(), {Type: "array", Items: word(), MinItems: 1, UniqueItems: true}},
		}
	})
}

func localTime() *Schema {
	return &Schema{Type: "string", Pattern: timeOfDay, Words: "A time of day is written like 09:00.", Examples: []any{"09:00", "18:30"}}
}

func (b *builder) days() *Schema {
	return b.def("days", func() *Schema {
		day := enum(journey.Weekdays...)
		return &Schema{
			Description: "Days of the week; without it every day.",
			AnyOf:       []*Schema{day, {Type: "array", Items: day, MinItems: 1, UniqueItems: true}},
		}
	})
}

func (b *builder) zone() *Schema {
	return b.def("timezone", func() *Schema {
		return &Schema{
			Description: "`customer` (the trait timezone; UTC where unknown; the default) or an IANA name.",
			Type:        "string",
			Pattern:     notBlank,
			Examples:    []any{"customer", "Asia/Tokyo", "Europe/Berlin"},
		}
	})
}

// channel is one of the channels of the build.
func (b *builder) channel() *Schema {
	return b.def("channel", func() *Schema {
		s := &Schema{Description: "A channel."}
		for _, c := range b.channels {
			one := enum(c.Name)
			one.Description = c.Doc
			s.AnyOf = append(s.AnyOf, one)
		}
		return s
	})
}

// via is a channel, best, or a list of channels.
func (b *builder) via() *Schema {
	return b.def("via", func() *Schema {
		return anyOf(
			enum("best").with("The channel that the customer answers most, of those permitted: the default."),
			b.channel(),
			&Schema{Type: "array", Items: b.channel(), MinItems: 1, UniqueItems: true},
		)
	})
}

// level are the keys of an intent threshold.
func level() keys {
	return keys{
		"intent": word().with("The name of an intent of intents.yaml."),
		"above":  within(0, 1).with("The score is greater."),
		"below":  within(0, 1).with("The score is less."),
	}
}

// levelled requires exactly one threshold.
func (s *Schema) levelled() *Schema {
	s.OneOf = need("above", "below")
	return s
}

// and merges properties.
func and(some ...keys) keys {
	out := keys{}
	for _, one := range some {
		maps.Copy(out, one)
	}
	return out
}
