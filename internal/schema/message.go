package schema

import (
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/schema/shape"
)

// message is the schema of messages/<message>.yaml.
func (b *builder) message() *shape.Schema {
	whole, part := shape.Keys{}, shape.Keys{}
	var channels []string
	for _, c := range b.Channels {
		if c.Any {
			continue // it uses the treatment of another channel
		}
		channels = append(channels, c.Name)
		whole[c.Name] = b.treatment(c, true)
		part[c.Name] = b.treatment(c, false)
	}
	variant := shape.Object(part)
	named := &shape.Schema{MinLength: 1}
	s := shape.Object(shape.And(whole, shape.Keys{
		"message": b.Label().With("The message's name, which is also the file's."),
		"track": shape.Boolean().With("Whether opens and clicks are tracked: links lead over tabi, and a mail has a pixel; default: in " +
			"marketing messages."),
		"about":     shape.Text().With("What the message is about."),
		"tones":     shape.MapOf(named, variant).With("The same message in other tones: what differs, by tone."),
		"languages": shape.MapOf(named, variant).With("The same message in other languages: what differs, by customer.language."),
	}), "message")
	s.AnyOf = shape.Need(channels...)
	return s
}

// treatment is the schema of a channel's text. With whole, required fields must be present.
func (b *builder) treatment(c channel.Spec, whole bool) *shape.Schema {
	s := shape.Object(shape.Keys{})
	s.Description = c.Doc
	if c.Address != "" {
		s.Description += " Goes to customer." + c.Address + "."
	}
	b.fields(s, c.Fields, whole)
	return s
}

// fields adds the fields of a mapping of texts.
func (b *builder) fields(s *shape.Schema, fields []channel.Field, whole bool) {
	for _, f := range fields {
		s.Properties[f.Name] = field(b, f)
		if instead := inPlaceOf(fields, f); len(instead) > 0 {
			s.Not = &shape.Schema{Required: append([]string{f.Name}, instead...)}
		}
		switch {
		case !whole || !f.Required:
		case f.Or != "":
			s.AnyOf = shape.Need(append([]string{f.Name, f.Or}, inPlaceOf(fields, f)...)...)
		default:
			s.Required = append(s.Required, f.Name)
		}
	}
}

// field is the schema of one text, or of a list.
func field(b *builder, f channel.Field) *shape.Schema {
	value := shape.Text()
	if f.Form == channel.FormLayout {
		return value.With(f.Doc)
	}
	if f.Required || f.Texts || f.Form != channel.FormLiquid {
		value.MinLength = 1
	}
	switch {
	case f.Texts:
		value = shape.List(value.With("Liquid."), 0)
	case len(f.Items) > 0:
		item := shape.Object(shape.Keys{})
		b.fields(item, f.Items, true)
		value = shape.List(item, 0)
	default:
		return value.With("Liquid. " + f.Doc)
	}
	value.MaxItems = f.Max
	return value.With(f.Doc)
}

// inPlaceOf returns the fields that may be written in place of another.
func inPlaceOf(fields []channel.Field, f channel.Field) (names []string) {
	for _, other := range fields {
		if other.Form == channel.FormMJML && f.Name == "html" {
			names = append(names, other.Name)
		}
	}
	return names
}

// defaults is the schema of messages/_defaults.yaml.
func (b *builder) defaults() *shape.Schema {
	keys := shape.Keys{}
	for _, c := range b.Channels {
		own := shape.Keys{}
		for _, f := range c.Fields {
			if f.Form == channel.FormLayout || f.Form == channel.FormSender {
				own[f.Name] = field(b, f)
			}
		}
		if len(own) > 0 {
			keys[c.Name] = shape.Object(own).With("What a message has that does not say otherwise.")
		}
	}
	return shape.Object(keys)
}
