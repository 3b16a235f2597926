// Package gallery shows what a message says before anybody gets it: every treatment, tone and language, rendered as a send renders it,
// for sample customers, beside its plain text and with what readers of mails will stumble over.
package gallery

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tabi-journeys/tabi/activities/render"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/template"
)

// Gallery is a message with all that it says.
type Gallery struct {
	Message string
	About   string
	Uses    []Use
	Samples []Sample
	Views   []View
}

// Use is a place that sends the message.
type Use struct {
	Journey  string // empty: an action of next best action
	Step     string // or the action
	Category string
	Topic    string
}

// View is one treatment of the message, rendered for one sample.
type View struct {
	Channel  string
	Tone     string // empty: the message's own
	Language string // under languages; empty: the message's own text
	Sample   string
	Fields   map[string]string // nil with Err
	Err      string            // why it cannot be rendered for the sample
	Notes    []string          // values that a filter could not use
	Warnings []Warning
	Odd      bool // of an odd sample: a long name, missing values
}

// Links are harmless: they lead nowhere, and stand where links to a customer's own pages will be.
const (
	sampleUnsubscribe = "https://tabi.example.com/u/sample"
	samplePreferences = "https://tabi.example.com/p/sample"
	sampleConfirm     = "https://tabi.example.com/confirm/sample"
)

// Build renders a message of a release for samples. The first sample gets every treatment, tone and language; the others get the
// treatments that they would be sent. Without samples, those of Samples are taken. A message that is not in content is an error.
func Build(ctx context.Context, content *journey.Content, specs []channel.Spec, name string, samples []Sample) (*Gallery, error) {
	m := content.Messages[name]
	if m == nil {
		return nil, fmt.Errorf("there is no message %q", name)
	}
	g := &Gallery{Message: name, About: m.About, Uses: uses(content, name), Samples: samples}
	if len(g.Samples) == 0 {
		g.Samples = Samples(m, specs)
	}
	marketing := len(g.Uses) == 0 || slices.ContainsFunc(g.Uses, func(u Use) bool { return u.Category != journey.Transactional })
	for _, spec := range specs {
		if spec.Any || m.Treatments[spec.Name] == nil {
			continue
		}
		for i, s := range g.Samples {
			if i > 0 {
				language, _ := human.MatchLanguage(m.Languages, s.Language())
				g.Views = append(g.Views, show(ctx, spec, m, s, "", language, marketing))
				continue
			}
			for _, tone := range named(m.Tones, spec.Name) {
				for _, language := range named(m.Languages, spec.Name) {
					g.Views = append(g.Views, show(ctx, spec, m, s, tone, language, marketing))
				}
			}
		}
	}
	return g, nil
}

// named returns the names of the variants that change a channel's treatment, after the empty name of the message's own.
func named(variants map[string]map[string]journey.Treatment, channel string) []string {
	out := []string{""}
	for _, name := range slices.Sorted(maps.Keys(variants)) {
		if len(variants[name][channel]) > 0 {
			out = append(out, name)
		}
	}
	return out
}

// show renders one treatment. A sample of tabi's own reads the language of the treatment, and has a name of it.
func show(ctx context.Context, spec channel.Spec, m *journey.Message, s Sample, tone, language string, marketing bool) View {
	switch {
	case language == "":
	case s.in != nil:
		s = s.in(language)
	default: // a block may ask for the customer's language too
		s.Vars.Customer = maps.Clone(s.Vars.Customer)
		if name, ok := human.MatchLanguage(m.Languages, s.Language()); s.Vars.Customer != nil && (!ok || name != language) {
			s.Vars.Customer["language"] = language
		}
	}
	v := View{Channel: spec.Name, Tone: tone, Language: language, Sample: s.Name, Odd: s.Odd}
	reads := language
	if reads == "" {
		reads = s.Language()
		if name, ok := human.MatchLanguage(m.Languages, reads); ok && name != "" {
			reads = "" // what is shown is the message's own text
		}
	}
	opts := render.Options{
		Confirm: sampleConfirm, Language: reads,
		Odd: func(field string, note template.Note) { v.Notes = append(v.Notes, field+", "+note.String()) },
	}
	if marketing {
		opts.Unsubscribe, opts.Preferences = sampleUnsubscribe, samplePreferences
	}
	fields, err := render.Render(ctx, spec, render.Pick(m, spec.Name, tone, language), s.Vars, s.Data, opts)
	if err != nil {
		v.Err = err.Error()
		return v
	}
	v.Fields = fields
	for _, f := range spec.Fields {
		if n := utf8.RuneCountInString(fields[f.Name]); f.Max > 0 && n > f.Max {
			v.Notes = append(v.Notes, fmt.Sprintf("%s, it has %d characters, and %s takes at most %d", f.Name, n, spec.Name, f.Max))
		}
	}
	v.Warnings = Check(fields)
	return v
}

// Warnings returns all warnings of a gallery, each once, with the treatments that have it.
func (g *Gallery) Warnings() []Warning {
	var out []Warning
	for i := range g.Views {
		for _, w := range g.Views[i].Warnings {
			w.Where = g.Views[i].Title()
			if !slices.ContainsFunc(out, func(o Warning) bool { return o.Code == w.Code && o.Text == w.Text && o.Where == w.Where }) {
				out = append(out, w)
			}
		}
	}
	return out
}

// Title names a treatment for people: email, friendly, ja.
func (v *View) Title() string {
	parts := []string{v.Channel}
	for _, part := range []string{v.Tone, v.Language} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ", ")
}

// uses returns the places that send a message, by journey and step.
func uses(content *journey.Content, name string) []Use {
	var out []Use
	for _, j := range slices.Sorted(maps.Keys(content.Journeys)) {
		d := content.Journeys[j]
		for i := range d.Steps {
			switch s := d.Steps[i].Spec.(type) {
			case *journey.Send:
				if s.Message == name {
					out = append(out, Use{j, d.Steps[i].ID, s.Category, s.Topic})
				}
			case *journey.Ask:
				if s.Question.Message == name {
					out = append(out, Use{j, d.Steps[i].ID, s.Question.Category, s.Question.Topic})
				}
			}
		}
	}
	for _, a := range slices.Sorted(maps.Keys(content.Actions)) {
		if content.Actions[a].Message == name {
			out = append(out, Use{"", a, journey.Marketing, ""})
		}
	}
	return out
}
