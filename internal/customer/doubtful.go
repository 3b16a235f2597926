package customer

import (
	"fmt"
	"strings"

	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
)

// doubtful returns a sentence for each value of a change to the profile that tabi itself reads and cannot use: time zone,
// language and addresses. The value is stored all the same. The sentences are for the sender of the value, and for no log.
func doubtful(patch map[string]any) (out []string) {
	if said := unusable(patch["timezone"], "a time zone such as Asia/Tokyo", "times of this customer are those of UTC",
		func(name string) bool { _, ok := localtime.Zone(name); return ok }, localtime.Suggest); said != "" {
		out = append(out, "traits.timezone is "+said)
	}
	if said := unusable(patch["language"], "a language code such as ja or pt-BR", "the customer gets messages in no language of their own",
		validLanguage, human.SuggestLanguage); said != "" {
		out = append(out, "traits.language is "+said)
	}
	for _, trait := range []string{address.Mailbox, address.Phone, address.PushToken} {
		_, bad := address.List(trait, patch[trait])
		for _, u := range bad {
			out = append(out, "traits."+trait+": "+u.String()+"; no message goes there")
		}
	}
	return out
}

// validLanguage reports whether messages can be in a language: that of a tag, of a locale (ja_JP.UTF-8), or of the list of a browser,
// the best first.
func validLanguage(text string) bool {
	if end := strings.IndexAny(text, ",;.@"); end >= 0 {
		text = text[:end]
	}
	return human.ValidLanguage(strings.TrimSpace(text))
}

// maxShown is how much of a value a warning shows, in characters.
const maxShown = 40

// unusable returns what is wrong with a value that must be one of a kind, or "". A blank text is no value.
func unusable(value any, kind, effect string, valid func(string) bool, suggest func(string) string) string {
	text, isText := value.(string)
	switch {
	case value == nil || isText && (strings.TrimSpace(text) == "" || valid(text)):
		return ""
	case !isText:
		return fmt.Sprintf("not a text, and so not %s: %s", kind, effect)
	}
	shown := text
	if long := []rune(text); len(long) > maxShown {
		shown = string(long[:maxShown]) + "…"
	}
	said := fmt.Sprintf("%q, which is not %s: %s", shown, kind, effect)
	if near := suggest(text); near != "" {
		said += fmt.Sprintf("; did you mean %q?", near)
	}
	return said
}
