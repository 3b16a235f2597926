package shape

import (
	"maps"

	"github.com/tabi-journeys/tabi/internal/journey/localtime"
)

// Patterns of strings. They mean the same in RE2 and ECMAScript.
const (
	NotBlank  = `\S`
	Kebab     = `^[a-z0-9]+(-[a-z0-9]+)*$`
	Variable  = `^[A-Za-z_][A-Za-z0-9_]*$`
	span      = `^([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$`
	Offset    = `^[+-]?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$`
	timeOfDay = `^\s*([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?\s*$`
	Moment    = `^\s*[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)? ?(Z|[+-][0-9]{2}:[0-9]{2})?)?\s*$`
)

// Messages that editors show for strings that do not match.
const (
	KebabWords = "A name is small letters, digits and single hyphens: order-follow-up."
	SpanWords  = "A duration is written like 90s, 15m, 2h, 3d, 1w or 1h30m, the largest unit first."
)

// Number returns a pointer to v, for the bounds of a schema.
func Number(v float64) *float64 { return &v }

// Keys are the properties of a mapping.
type Keys = map[string]*Schema

// With adds the description of a key to the schema of its value. In this draft a $ref may have siblings.
func (s *Schema) With(doc string) *Schema {
	out := *s
	out.Description = doc
	return &out
}

// Object is a mapping with these keys and no others.
func Object(properties Keys, required ...string) *Schema {
	return &Schema{Type: "object", Properties: properties, Required: required, Others: false}
}

// MapOf is a mapping of names to values of one schema.
func MapOf(names, values *Schema) *Schema {
	return &Schema{Type: "object", PropertyNames: names, Others: values}
}

// List is a list of values of one schema.
func List(of *Schema, atLeast int) *Schema {
	return &Schema{Type: "array", Items: of, MinItems: atLeast}
}

// AnyOf is a value that one of the schemas accepts.
func AnyOf(of ...*Schema) *Schema { return &Schema{AnyOf: of} }

// Need returns a schema for each key, which requires the key: with AnyOf at least one of the keys must be present, with
// OneOf exactly one.
func Need(names ...string) []*Schema {
	var out []*Schema
	for _, name := range names {
		out = append(out, &Schema{Required: []string{name}})
	}
	return out
}

// Enum is one of a few words.
func Enum(words ...string) *Schema {
	s := &Schema{Type: "string"}
	for _, word := range words {
		s.Enum = append(s.Enum, word)
	}
	return s
}

// Anything is any JSON value.
func Anything() *Schema { return &Schema{} }

// Text is a string that people read; a number is allowed too.
func Text() *Schema { return &Schema{Type: []string{"string", "number"}} }

// Word is a string that is not blank.
func Word() *Schema { return &Schema{Type: "string", Pattern: NotBlank, Words: "This is empty."} }

// Identifier is a string that is not blank, or a number.
func Identifier() *Schema { return &Schema{Type: []string{"string", "number"}, Pattern: NotBlank} }

// Boolean is true or false.
func Boolean() *Schema { return &Schema{Type: "boolean"} }

// Amount is a number of at least low.
func Amount(low float64) *Schema { return &Schema{Type: "number", Minimum: Number(low)} }

// Within is a number in a range.
func Within(low, high float64) *Schema {
	return &Schema{Type: "number", Minimum: Number(low), Maximum: Number(high)}
}

// Whole is a whole number in a range.
func Whole(low, high float64) *Schema {
	return &Schema{Type: "integer", Minimum: Number(low), Maximum: Number(high)}
}

// Label is a name given by a designer.
func (b *Builder) Label() *Schema {
	return b.Def("label", func() *Schema {
		return &Schema{
			Description: "A name: small letters, digits and single hyphens.",
			Type:        []string{"string", "integer"},
			Pattern:     Kebab,
			Words:       KebabWords,
			MaxLength:   100,
			Minimum:     Number(0),
		}
	})
}

// Names are the keys of a mapping that are labels.
func Names() *Schema { return &Schema{Pattern: Kebab, Words: KebabWords, MaxLength: 100} }

// Reference is the name of something that is defined elsewhere.
func Reference() *Schema { return &Schema{Type: "string", Pattern: Kebab, Words: KebabWords} }

// Duration is a duration without a sign.
func (b *Builder) Duration() *Schema {
	return b.Def("duration", func() *Schema {
		return &Schema{
			Description: "A duration: 90s, 15m, 2h, 3d, 1w, or 1h30m. A day is 24 hours.",
			Type:        "string",
			Pattern:     span,
			Words:       SpanWords,
			MinLength:   2,
			Examples:    []any{"90s", "15m", "2h", "3d", "1w", "2d12h"},
		}
	})
}

// CEL is an expression; a number or boolean is allowed too.
func (b *Builder) CEL() *Schema {
	return b.Def("expression", func() *Schema {
		return &Schema{
			Description: "A CEL expression over customer, entry, event, event_name, intent, vars, steps and now. A number or a " +
				"boolean is itself; a text needs quotes inside the quotes: \"'trial'\".",
			Type: []string{"string", "number", "boolean"}, Pattern: NotBlank,
		}
	})
}

// Events is the name of an event, or a list of names.
func (b *Builder) Events() *Schema {
	return b.Def("events", func() *Schema {
		return &Schema{
			Description: "The name of an event, exactly as the channel sends it, or a list of names.",
			AnyOf:       []*Schema{Word(), {Type: "array", Items: Word(), MinItems: 1, UniqueItems: true}},
		}
	})
}

// TimeOfDay is a time of day.
func TimeOfDay() *Schema {
	return &Schema{Type: "string", Pattern: timeOfDay, Words: "A time of day is written like 09:00.", Examples: []any{"09:00", "18:30"}}
}

// Days is a day of the week, or a list of days.
func (b *Builder) Days() *Schema {
	return b.Def("days", func() *Schema {
		day := Enum(localtime.Weekdays...)
		return &Schema{
			Description: "Days of the week; without it every day.",
			AnyOf:       []*Schema{day, {Type: "array", Items: day, MinItems: 1, UniqueItems: true}},
		}
	})
}

// Zone is a time zone.
func (b *Builder) Zone() *Schema {
	return b.Def("timezone", func() *Schema {
		return &Schema{
			Description: "`customer` (the trait timezone; UTC where unknown; the default) or an IANA name.",
			Type:        "string",
			Pattern:     NotBlank,
			Examples:    []any{"customer", "Asia/Tokyo", "Europe/Berlin"},
		}
	})
}

// Channel is one of the channels of the build.
func (b *Builder) Channel() *Schema {
	return b.Def("channel", func() *Schema {
		s := &Schema{Description: "A channel."}
		for _, c := range b.Channels {
			one := Enum(c.Name)
			one.Description = c.Doc
			s.AnyOf = append(s.AnyOf, one)
		}
		return s
	})
}

// Via is a channel, best, or a list of channels.
func (b *Builder) Via() *Schema {
	return b.Def("via", func() *Schema {
		return AnyOf(
			Enum("best").With("The channel that the customer answers most, of those permitted: the default."),
			b.Channel(),
			&Schema{Type: "array", Items: b.Channel(), MinItems: 1, UniqueItems: true},
		)
	})
}

// OneThreshold requires exactly one of the keys above and below. It returns s.
func (s *Schema) OneThreshold() *Schema {
	s.OneOf = Need("above", "below")
	return s
}

// And returns the properties of all.
func And(some ...Keys) Keys {
	out := Keys{}
	for _, one := range some {
		maps.Copy(out, one)
	}
	return out
}
