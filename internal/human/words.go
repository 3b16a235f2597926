package human

import (
	"strings"
	"unicode"
)

// Join returns a list separated by commas.
func Join(words []string) string { return strings.Join(words, ", ") }

// Printable replaces the control characters of untrusted text, so that it cannot control the terminal.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
