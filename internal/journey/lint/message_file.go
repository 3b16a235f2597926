package lint

import (
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/source"
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
	if v := m.Get("track"); v != nil {
		track := f.Boolean(v, "track")
		message.Track = &track
	}
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
			if name.Shape == source.Scalar && name.Text != "" && !human.WrittenLanguage(name.Text) {
				f.Report(name.Pos, "bad-value", human.SuggestLanguage(name.Text),
					"%q is no language: write a code such as ja or pt-BR", name.Text)
			}
		}
	}
	m.Done()
	f.withDefaults(message)
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
	out := journey.Treatment{}
	if !f.fields(n, "a treatment for "+spec.Name, spec, spec.Fields, whole, func(name, text string) { out[name] = text }) {
		return nil
	}
	return out
}

// fields reads a mapping of texts: a treatment, or an item of one of its lists. With whole, required fields must be present.
func (f *fileCheck) fields(
	n *source.Node, what string, spec channel.Spec, fields []channel.Field, whole bool, keep func(name, text string),
) bool {
	m := f.Mapping(n, what)
	if m == nil {
		return false
	}
	compiled := f.oneSource(m, fields)
	for _, field := range fields {
		value := m.Get(field.Name)
		switch {
		case value != nil && field.Form == channel.FormMJML:
			if text, ok := f.mjml(value); ok {
				keep(htmlKey, text)
			}
		case value != nil && (field.Texts || len(field.Items) > 0):
			f.list(value, spec, field, keep)
		case value != nil:
			if text, ok := f.field(value, spec, field); ok {
				keep(field.Name, text)
			}
		case !field.Required || !whole || field.Or != "" && m.Get(field.Or) != nil || field.Name == htmlKey && compiled:
		case field.Or != "":
			m.Need(field.Name, spec.Name+" needs it, or "+field.Or)
		default:
			m.Need(field.Name, spec.Name+" needs it")
		}
	}
	m.Done()
	return true
}

// list reads a list of texts or of mappings. A variant's list takes the place of the message's, so its items are whole.
func (f *fileCheck) list(n *source.Node, spec channel.Spec, field channel.Field, keep func(name, text string)) {
	items, ok := f.List(n, field.Name)
	if !ok {
		return
	}
	if len(items) == 0 {
		keep(field.Name+".", "") // a variant without the message's list: see render.Pick
	}
	if field.Max > 0 && len(items) > field.Max {
		f.Report(items[field.Max].Pos, "bad-value", "", "%s takes at most %d %s", spec.Name, field.Max, field.Name)
	}
	for i, item := range items {
		if len(field.Items) > 0 {
			f.fields(item, "each of "+field.Name, spec, field.Items, true, func(name, text string) {
				keep(channel.ItemName(field.Name, i+1, name), text)
			})
		} else if text, ok := f.field(item, spec, channel.Field{Name: "each of " + field.Name, Required: true}); ok {
			keep(channel.ItemName(field.Name, i+1, ""), text)
		}
	}
}

// field reads and checks one text.
func (f *fileCheck) field(n *source.Node, spec channel.Spec, field channel.Field) (text string, ok bool) {
	if field.Form == channel.FormLayout {
		return f.layoutNamed(n)
	}
	text, ok = f.Text(n, field.Name)
	if !ok {
		return "", false
	}
	if text == "" && (field.Required || field.Form == channel.FormSender) {
		f.Report(n.Pos, "bad-value", "", "%s is empty", field.Name)
		return text, true
	}
	written := !strings.Contains(text, "{{") && !strings.Contains(text, "{%")
	if length := utf8.RuneCountInString(text); written && field.Max > 0 && length > field.Max {
		f.Report(n.Pos, "bad-value", "", "%s has %d characters, and %s takes at most %d", field.Name, length, spec.Name, field.Max)
	}
	switch {
	case field.Form == channel.FormSender:
		f.sender(field, n)
	case field.HTML:
		f.addresses(n)
	case field.Name == "link" || field.Name == "url" || field.Name == "image":
		f.address(n)
	case field.Name == "language" && text != "" && !strings.Contains(text, "{") && !human.ValidLanguage(text):
		f.Report(n.Pos, "bad-value", human.SuggestLanguage(text), "%q is no language: write a code such as ja or pt-BR", text)
	}
	f.template(n, field.HTML, spec.Name == "webhook" && field.Name == "body")
	return text, true
}

// htmlKey is the field that MJML is compiled to, and that has a layout.
const htmlKey = "html"

// oneSource reports whether html is written as MJML, and reports html and MJML beside each other at the second of them.
func (f *fileCheck) oneSource(m *source.Mapping, fields []channel.Field) (compiled bool) {
	for _, field := range fields {
		if field.Form != channel.FormMJML || m.Index(field.Name) < 0 {
			continue
		}
		compiled = true
		if html := m.Index(htmlKey); html >= 0 {
			second := m.Node.Keys[max(html, m.Index(field.Name))]
			f.Report(second.Pos, "unknown-key", "", "%s is written in place of %s: use one or the other", field.Name, htmlKey)
		}
	}
	return compiled
}

// sender checks a mail address that is written out. What Liquid makes of others is known when a mail is sent.
func (f *fileCheck) sender(field channel.Field, n *source.Node) {
	if strings.Contains(n.Text, "{{") || strings.Contains(n.Text, "{%") {
		return
	}
	if _, err := address.ParseSender(n.Text); err != nil {
		f.Report(n.Pos, "bad-value", "", "%s %v; write shop@example.com, or Shop <shop@example.com>", field.Name, err)
	}
}

// unusedMessages warns about messages that no journey sends.
func (c *Folder) unusedMessages() {
	for _, name := range c.MessageNames() {
		if info := c.Messages[name]; !info.used.Load() && !info.Broken {
			info.check.Report(info.at, "unused-message", "", "no journey sends the message %q", name)
		}
	}
}
