package human

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tabi-journeys/tabi/internal/event"
)

// Quote writes characters that control a terminal or the direction of text as escapes, except those in keep: it returns \u001b for ESC.
// What is no UTF-8 becomes U+FFFD. The escapes are those of JSON, so that JSON stays the same value.
func Quote(text, keep string) string {
	dangerous := func(r rune) bool { return event.ControlRune(r) && !strings.ContainsRune(keep, r) }
	if utf8.ValidString(text) && strings.IndexFunc(text, dangerous) < 0 {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		if dangerous(r) {
			fmt.Fprintf(&out, `\u%04x`, r)
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}
