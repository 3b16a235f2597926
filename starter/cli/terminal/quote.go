package terminal

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Quote writes characters that control a terminal or the direction of text as escapes, also line breaks: it prints \u001b for ESC.
func Quote(text string) string { return quote(text, "") }

// Lines is Quote for text of several lines.
func Lines(text string) string { return quote(text, "\n\t") }

// quote escapes all control characters except those in keep, and the invisible characters that turn the direction of text. The
// escapes are those of JSON, so that JSON stays the same value.
func quote(text, keep string) string {
	if utf8.ValidString(text) &&
		strings.IndexFunc(text, func(r rune) bool { return dangerous(r) && !strings.ContainsRune(keep, r) }) < 0 {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		if dangerous(r) && !strings.ContainsRune(keep, r) {
			fmt.Fprintf(&out, `\u%04x`, r)
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

func dangerous(r rune) bool {
	switch {
	case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069', r == '\u200e', r == '\u200f', r == '\u061c',
		r == '\u2028', r == '\u2029':
		return true
	}
	return unicode.IsControl(r)
}
