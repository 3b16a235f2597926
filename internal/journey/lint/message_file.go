package lint

import (
	"maps"
	"slices"
	"sync/atomic"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/journey/template"
)

// messageFile holds what the checks need to know about a message.
type messageFile struct {
	check    *fileCheck
	at       source.Pos
	Channels []string // with a treatment, in the order of the channel registry
	Broken   bool     // the file could not be read: its treatments are not checked
	used     atomic.Bool
	message  *journey.Message // what compiled
}

// MessageNames returns the names of the folder's messages, sorted.
func (c *Folder) MessageNames() []string { return slices.Sorted(maps.Keys(c.Messages)) }

// claimMessage registers a message under its file's name.
func (f *fileCheck) claimMessage() {
	info := &messageFile{check: f, Broken: f.Root == nil}
	base := source.BaseName(f.File)
	if f.Root != nil {
		info.at = f.Root.Pos
		if other := f.Messages[base]; other != nil {
			f.Report(f.Root.Pos, "duplicate-id", "", "the message %q is also in %s", base, other.check.File)
			return
		}
	}
	f.Messages[base], f.message = info, info
}

// keepMessage adds a message without errors to the content.
func (f *fileCheck) keepMessage() {
	if f.message != nil && f.message.message != nil {
		f.Content.Messages[f.message.message.Name] = f.message.message
	}
}

func (f *fileCheck) messageFile() {
	info := f.message
	if info == nil || info.Broken {
		return
	}
	m := f.Mapping(f.Root, "a message")
	if m == nil {
		info.Broken = true
		return
	}
	message := &journey.Message{Treatments: map[string]journey.Treatment{}}
	message.Name = f.Name(m.Need("message", "a message needs its name"), "message")
	f.OptionalText(m, "about", &message.About)
	message.Treatments = f.treatments(m, true)
	for _, spec := range f.Opts.Channels {
		if !spec.Any && m.Index(spec.Name) >= 0 {
			info.Channels = append(info.Channels, spec.Name)
		}
	}
	if len(info.Channels) == 0 {
		f.Report(f.Root.Pos, "missing-key", "", "the message has no treatment: it needs one of %s", human.Join(f.ChannelNames()))
	}
	message.Tones = f.variants(m, "tones", "a tone")
	message.Languages = f.variants(m, "languages", "a language")
	if n := m.Get("languages"); n != nil && n.Shape == source.Map {
		for _, name := range n.Keys {
			if name.Shape == source.Scalar && name.Text != "" && !template.ValidLanguage(name.Text) {
				f.Report(name.Pos, "bad-value", template.SuggestLanguage(name.Text),
					"%q is no language: write a code such as ja or pt-BR", name.Text)
			}
		}
	}
	m.Done()
	if f.Errors == 0 {
		info.message = message
	}
}

// variants reads tones or languages: name → channel → fields that differ.
func (f *fileCheck) variants(m *source.Mapping, key, what string) map[string]map[string]journey.Treatment {
	n := m.Get(key)
	if n == nil {
		return nil
	}
	all := f.Mapping(n, key)
	if all == nil {
		return nil
	}
	out := map[string]map[string]journey.Treatment{}
	for i, name := range n.Keys {
		if name.Shape != source.Scalar || name.IsNull() || name.Text == "" {
			f.Report(name.Pos, "bad-value", "", "%s needs a name", what)
			continue
		}
		if one := f.Mapping(n.Values[i], what); one != nil && all.Index(name.Text) == i {
			out[name.Text] = f.treatments(one, false)
			one.Done()
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// treatments reads the treatment of each channel. With whole, required fields must be present.
func (f *fileCheck) treatments(m *source.Mapping, whole bool) map[string]journey.Treatment {
	out := map[string]journey.Treatment{}
	for _, spec := range f.Opts.Channels {
		if spec.Any { // it uses the treatment of another channel
			continue
		}
		if n := m.Get(spec.Name); n != nil {
			out[spec.Name] = f.treatment(n, spec, whole)
		}
	}
	return out
}

func (f *fileCheck) treatment(n *source.Node, spec channel.Spec, whole bool) journey.Treatment {
	m := f.Mapping(n, "a treatment for "+spec.Name)
	if m == nil {
		return nil
	}
	out := journey.Treatment{}
	for _, field := range spec.Fields {
		value := m.Get(field.Name)
		if value == nil {
			switch {
			case !field.Required || !whole || field.Or != "" && m.Get(field.Or) != nil:
			case field.Or != "":
				m.Need(field.Name, spec.Name+" needs it, or "+field.Or)
			default:
				m.Need(field.Name, spec.Name+" needs it")
			}
			continue
		}
		text, ok := f.Text(value, field.Name)
		if !ok {
			continue
		}
		if field.Required && text == "" {
			f.Report(value.Pos, "bad-value", "", "%s is empty", field.Name)
		}
		out[field.Name] = text
		switch {
		case field.HTML:
			f.addresses(value)
		case field.Name == "link" || field.Name == "url":
			f.address(value)
		}
		f.template(value, field.HTML, spec.Name == "webhook" && field.Name == "body")
	}
	m.Done()
	return out
}

// unusedMessages warns about messages that no journey sends.
func (c *Folder) unusedMessages() {
	for _, name := range c.MessageNames() {
		if info := c.Messages[name]; !info.used.Load() && !info.Broken {
			info.check.Report(info.at, "unused-message", "", "no journey sends the message %q", name)
		}
	}
}
