package render

import (
	"maps"
	"strings"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
)

// Pick returns the treatment of a message for a channel, in a tone and a language: the message's own fields,
// overridden by the tone's, then by the language's. The language comes last, so that no English of a tone appears
// between lines of the customer's own language.
//
// A language matches exactly (ja-JP), else by language and script (zh-Hant for zh-TW), else by its first part (ja), ignoring case.
// An unknown tone or language changes nothing. The result also has the layouts and blocks of the message, which Render
// needs. It is nil if the message has no treatment for the channel.
func Pick(m *journey.Message, channel, tone, customers string) journey.Treatment {
	if m == nil || m.Treatments[channel] == nil {
		return nil
	}
	t := maps.Clone(m.Treatments[channel])
	lay(t, m.Tones[tone][channel])
	if name, ok := human.MatchLanguage(m.Languages, customers); ok {
		lay(t, m.Languages[name][channel])
	}
	maps.Copy(t, m.Parts)
	return t
}

// lay lays the fields of a variant over those of a treatment. A list takes the place of the whole list.
func lay(t, variant journey.Treatment) {
	for name := range variant {
		if list, _, ok := strings.Cut(name, "."); ok {
			maps.DeleteFunc(t, func(old, _ string) bool { return strings.HasPrefix(old, list+".") })
		}
	}
	maps.Copy(t, variant)
	maps.DeleteFunc(t, func(name, _ string) bool { return strings.HasSuffix(name, ".") }) // of an empty list
}

// PickAny is Pick for a channel that takes any treatment (log): the message's own for it, else that of the first
// channel in order.
func PickAny(m *journey.Message, channel string, order []channel.Spec, tone, customers string) journey.Treatment {
	if t := Pick(m, channel, tone, customers); t != nil {
		return t
	}
	for _, spec := range order {
		if t := Pick(m, spec.Name, tone, customers); t != nil {
			return t
		}
	}
	return nil
}
