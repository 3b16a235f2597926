package schema

import (
	"github.com/tabi-journeys/tabi/channel"
)

// message is the schema of messages/<message>.yaml.
func (b *builder) message() *Schema {
	whole, part := keys{}, keys{}
	var channels []string
	for _, c := range b.channels {
		if c.Any {
			continue // it uses the treatment of another channel
		}
		channels = append(channels, c.Name)
		whole[c.Name] = b.treatment(c, true)
		part[c.Name] = b.treatment(c, false)
	}
	variant := object(part)
	named := &Schema{MinLength: 1}
	s := object(and(whole, keys{
		"message":   b.label().with("The message's name, which is also the file's."),
		"about":     text().with("What the message is about."),
		"tones":     mapOf(named, variant).with("The same message in other tones: what differs, by tone."),
		"languages": mapOf(named, variant).with("The same message in other languages: what differs, by customer.language."),
	}), "message")
	s.AnyOf = need(channels...)
	return s
}

// treatment is the schema of a channel's text. With whole, required fields must be present.
func (b *builder) treatment(c channel.Spec, whole bool) *Schema {
	s := object(keys{})
	s.Description = c.Doc
	if c.Address != "" {
		s.Description += " Goes to customer." + c.Address + "."
	}
	for _, f := range c.Fields {
		value := text()
		if f.Required {
			value.MinLength = 1
		}
		s.Properties[f.Name] = value.with("Liquid. " + f.Doc)
		switch {
		case !whole || !f.Required:
		case f.Or != "":
			s.AnyOf = need(f.Name, f.Or)
		default:
			s.Required = append(s.Required, f.Name)
		}
	}
	return s
}
