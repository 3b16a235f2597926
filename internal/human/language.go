package human

import (
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// MatchLanguage returns the name under which something is there in the wanted language, which may be a list of them as browsers send
// it (ja-JP,en;q=0.8), the best first.
func MatchLanguage[V any](languages map[string]V, wanted string) (string, bool) {
	names := slices.Sorted(maps.Keys(languages))
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

// rightToLeft are the scripts that are written from right to left.
var rightToLeft = []string{"Arab", "Hebr", "Syrc", "Thaa", "Nkoo", "Adlm", "Rohg"}

// RightToLeft reports whether a language (BCP 47) is written from right to left.
func RightToLeft(name string) bool {
	tag, err := language.Parse(name)
	if err != nil {
		return false
	}
	script, _ := tag.Script()
	return slices.Contains(rightToLeft, script.String())
}

// CanonicalLanguage writes a language as ja-JP; English where it is unknown.
func CanonicalLanguage(name string) string {
	name = strings.ReplaceAll(strings.TrimSpace(name), "_", "-")
	if tag, err := language.Parse(name); err == nil && name != "" {
		return tag.String()
	}
	return "en"
}

// ValidLanguage reports whether a text is a language by BCP 47.
func ValidLanguage(name string) bool {
	_, err := language.Parse(strings.ReplaceAll(name, "_", "-"))
	return err == nil && name != "" && !strings.ContainsAny(name, " /")
}

// WrittenLanguage reports whether a text is a language as a file writes it, with hyphens: ja_JP is none. Values of customers are read
// with either.
func WrittenLanguage(name string) bool { return ValidLanguage(name) && !strings.Contains(name, "_") }

// SuggestLanguage returns the language that a code of a country, an English name, or a code with _ most likely means, or "".
func SuggestLanguage(name string) string {
	if strings.Contains(name, "_") && ValidLanguage(name) {
		return CanonicalLanguage(name)
	}
	return map[string]string{
		"jp": "ja", "cn": "zh", "tw": "zh-TW", "kr": "ko", "gb": "en-GB", "us": "en-US", "ua": "uk", "cz": "cs", "dk": "da", "gr": "el",
		"japanese": "ja", "english": "en", "german": "de", "french": "fr", "spanish": "es", "chinese": "zh", "korean": "ko",
	}[strings.ToLower(strings.TrimSpace(name))]
}
