package render

import (
	"maps"
	"strings"

	"golang.org/x/text/language"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/journey"
)

// Pick returns the treatment of a message for a channel, in a tone and a language: the message's own fields,
// overridden by the tone's, then by the language's. The language comes last, so that no English of a tone appears
// between lines of the customer's own language.
//
// A language matches exactly (ja-JP), else by language and script (zh-Hant for zh-TW), else by its first part (ja), ignoring case.
// An unknown tone or language changes
// nothing. The result is nil if the message has no treatment for the channel.
func Pick(m *journey.Message, channel, tone, customers string) journey.Treatment {
	if m == nil || m.Treatments[channel] == nil {
		return nil
	}
	t := maps.Clone(m.Treatments[channel])
	maps.Copy(t, m.Tones[tone][channel])
	if name, ok := matchLanguage(m.Languages, customers); ok {
		maps.Copy(t, m.Languages[name][channel])
	}
	return t
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

// matchLanguage returns the name under which a message has the customer's language, which may be a list of them as browsers send
// it (ja-JP,en;q=0.8), the best first.
func matchLanguage[V any](languages map[string]V, wanted string) (string, bool) {
	names := sortedKeys(languages)
	for one := range strings.SplitSeq(wanted, ",") {
		if end := strings.IndexAny(one, ";.@"); end >= 0 { // a weight, or the charset of a locale
			one = one[:end]
		}
		one = strings.ReplaceAll(strings.TrimSpace(one), "_", "-")
		if one == "" {
			continue
		}
		if name, ok := spelled(names, one); ok {
			return name, true
		}
		if name, ok := written(names, one); ok {
			return name, true
		}
		primary, _, _ := strings.Cut(one, "-")
		if name, ok := spelled(names, primary); ok {
			return name, true
		}
	}
	return "", false
}

// spelled returns the name that is this tag, whatever the case and the separator.
func spelled(names []string, tag string) (string, bool) {
	for _, name := range names {
		if strings.EqualFold(strings.ReplaceAll(name, "_", "-"), tag) {
			return name, true
		}
	}
	return "", false
}

// written returns the name of the same language in the same script: zh-Hant for zh-TW and zh-Hant-HK. One of the same region
// comes first, and one of another region is another language.
func written(names []string, wanted string) (found string, ok bool) {
	tag, err := language.Parse(wanted)
	if err != nil {
		return "", false
	}
	base, _ := tag.Base()
	script, _ := tag.Script()
	_, _, region := tag.Raw()
	for _, name := range names {
		of, err := language.Parse(strings.ReplaceAll(name, "_", "-"))
		if err != nil {
			continue
		}
		itsBase, _ := of.Base()
		itsScript, _ := of.Script()
		_, _, itsRegion := of.Raw()
		if itsBase != base || itsScript != script {
			continue
		}
		switch itsRegion {
		case region:
			return name, true
		case language.Region{}:
			found, ok = name, true
		}
	}
	return found, ok
}
