package render

import (
	"maps"
	"strings"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/journey"
)

// Pick returns the treatment of a message for a channel, in a tone and a language: the message's own fields,
// overridden by the tone's, then by the language's. The language comes last, so that no English of a tone appears
// between lines of the customer's own language.
//
// A language matches exactly (ja-JP), else by its first part (ja), ignoring case. An unknown tone or language changes
// nothing. The result is nil if the message has no treatment for the channel.
func Pick(m *journey.Message, channel, tone, language string) journey.Treatment {
	if m == nil || m.Treatments[channel] == nil {
		return nil
	}
	t := maps.Clone(m.Treatments[channel])
	maps.Copy(t, m.Tones[tone][channel])
	if name, ok := matchLanguage(m.Languages, language); ok {
		maps.Copy(t, m.Languages[name][channel])
	}
	return t
}

// PickAny is Pick for a channel that takes any treatment (log): the message's own for it, else that of the first
// channel in order.
func PickAny(m *journey.Message, channel string, order []channel.Spec, tone, language string) journey.Treatment {
	if t := Pick(m, channel, tone, language); t != nil {
		return t
	}
	for _, spec := range order {
		if t := Pick(m, spec.Name, tone, language); t != nil {
			return t
		}
	}
	return nil
}

// matchLanguage returns the name under which a message has the customer's language.
func matchLanguage[V any](languages map[string]V, language string) (string, bool) {
	language = strings.ReplaceAll(strings.TrimSpace(language), "_", "-")
	if language == "" {
		return "", false
	}
	primary, _, _ := strings.Cut(language, "-")
	for _, want := range []string{language, primary} {
		for _, name := range sortedKeys(languages) {
			if strings.EqualFold(strings.ReplaceAll(name, "_", "-"), want) {
				return name, true
			}
		}
	}
	return "", false
}
