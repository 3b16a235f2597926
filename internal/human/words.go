package human

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/tabi-journeys/tabi/internal/event"
)

// Join returns a list separated by commas.
func Join(words []string) string { return strings.Join(words, ", ") }

// Printable replaces the control characters of untrusted text, so that it can control neither the terminal nor the direction of text.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && event.ControlRune(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// Shorten returns text on one line, of at most n characters; if it was longer, it ends in "…".
func Shorten(text string, n int) string {
	text = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))), " ")
	if runes := []rune(text); len(runes) > n {
		return strings.TrimRight(string(runes[:n-1]), " ") + "…"
	}
	return text
}

// Count returns a number with its noun: 1 way, 2 ways.
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
