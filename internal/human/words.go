package human

import (
	"strings"
	"unicode"
)

// Join writes a list for people.
func Join(words []string) string { return strings.Join(words, ", ") }

// Printable keeps a file's bytes from steering the terminal.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
