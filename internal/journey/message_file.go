package journey

import (
	"maps"
	"slices"
	"sync/atomic"

	"github.com/tabi-journeys/tabi/channel"
)

// messageFile is what the check knows of a message.
type messageFile struct {
	check    *fileCheck
	at       pos
	channels []string // with a treatment, in the order of the channel registry
	broken   bool     // the file could not be read: nothing is said about its treatments
	used     atomic.Bool
	message  *Message // what compiled
}

func (c *checker) messageNames() []string { return slices.Sorted(maps.Keys(c.messages)) }

// claimMessage makes a message known under its file's name.
func (f *fileCheck) claimMessage() {
	info := &messageFile{check: f, broken: f.root == nil}
	base := baseName(f.file)
	if f.root != nil {
		info.at = f.root.pos
		if other := f.messages[base]; other != nil {
			f.report(f.root.pos, "duplicate-id", "", "the message %q is also in %s", base, other.check.file)
			return
		}
	}
	f.messages[base], f.message = info, info
}

// keepMessage puts a message that compiled into the content.
func (f *fileCheck) keepMessage() {
	if f.message != nil && f.message.message != nil {
		f.content.Messages[f.message.message.Name] = f.message.message
	}
}

// messageFile checks a message.
func (f *fileCheck) messageFile() {
	info := f.message
	if info == nil || info.broken {
		return
	}
	m := f.fields(f.root, "a message")
	if m == nil {
		info.broken = true
		return
	}
	message := &Message{Treatments: map[string]Treatment{}}
	message.Name = f.name(m.need("message", "a message says its name"), "message")
	f.optionalText(m, "about", &message.About)
	message.Treatments = f.treatments(m, true)
	for _, spec := range f.opts.Channels {
		if !spec.Any && m.index(spec.Name) >= 0 {
			info.channels = append(info.channels, spec.Name)
		}
	}
	if len(info.channels) == 0 {
		f.report(f.root.pos, "missing-key", "", "the message has no treatment: one of %s", joinWords(f.channelNames()))
	}
	message.Tones = f.variants(m, "tones", "a tone")
	message.Languages = f.variants(m, "languages", "a language")
	m.done()
	if f.errors == 0 {
		info.message = message
	}
}

// variants reads tones or languages: name → channel → fields that differ.
func (f *fileCheck) variants(m *fields, key, what string) map[string]map[string]Treatment {
	n := m.get(key)
	if n == nil {
		return nil
	}
	all := f.fields(n, key)
	if all == nil {
		return nil
	}
	out := map[string]map[string]Treatment{}
	for i, name := range n.keys {
		if name.shape != scalar || name.isNull() || name.text == "" {
			f.report(name.pos, "bad-value", "", "%s has a name", what)
			continue
		}
		if one := f.fields(n.values[i], what); one != nil && all.index(name.text) == i {
			out[name.text] = f.treatments(one, false)
			one.done()
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// treatments reads the treatment of each channel; whole asks for the required fields.
func (f *fileCheck) treatments(m *fields, whole bool) map[string]Treatment {
	out := map[string]Treatment{}
	for _, spec := range f.opts.Channels {
		if spec.Any { // takes the treatment of another
			continue
		}
		if n := m.get(spec.Name); n != nil {
			out[spec.Name] = f.treatment(n, spec, whole)
		}
	}
	return out
}

func (f *fileCheck) treatment(n *node, spec channel.Spec, whole bool) Treatment {
	m := f.fields(n, "a treatment for "+spec.Name)
	if m == nil {
		return nil
	}
	out := Treatment{}
	for _, field := range spec.Fields {
		value := m.get(field.Name)
		if value == nil {
			switch {
			case !field.Required || !whole || field.Or != "" && m.get(field.Or) != nil:
			case field.Or != "":
				m.need(field.Name, spec.Name+" needs it, or "+field.Or)
			default:
				m.need(field.Name, spec.Name+" needs it")
			}
			continue
		}
		text, ok := f.text(value, field.Name)
		if !ok {
			continue
		}
		if field.Required && text == "" {
			f.report(value.pos, "bad-value", "", "%s is empty", field.Name)
		}
		out[field.Name] = text
		f.template(value, field.HTML)
	}
	m.done()
	return out
}

// unusedMessages warns of messages that no journey sends.
func (c *checker) unusedMessages() {
	for _, name := range c.messageNames() {
		if info := c.messages[name]; !info.used.Load() && !info.broken {
			info.check.report(info.at, "unused-message", "", "no journey sends the message %q", name)
		}
	}
}
