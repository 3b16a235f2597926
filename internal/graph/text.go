package graph

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"

	"github.com/tabi-journeys/tabi/internal/human"
)

// Text is measured with the widths of Arial and Helvetica, in thousandths of the font size, with some slack because
// fonts differ.
const (
	spare     = 1.05
	boldExtra = 1.07
)

var widths = [95]int{
	278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278,
	278, 584, 584, 584, 556,
	1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611,
	278, 278, 278, 469, 556,
	333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500,
	334, 260, 334, 584,
}

// runeWidth returns a width in thousandths of the font size.
func runeWidth(r rune) int {
	switch {
	case r >= ' ' && r <= '~':
		return widths[r-' ']
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r == '…':
		return 1000
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 1000
	}
	if r >= 0x1F000 { // pictures
		return 1300
	}
	return 620
}

// measure returns the width of text, in pixels.
func measure(text string, size float64, bold bool) float64 {
	sum := 0
	for _, r := range text {
		sum += runeWidth(r)
	}
	w := float64(sum) * size / 1000 * spare
	if bold {
		w *= boldExtra
	}
	return w
}

// reach returns how many of the runes fit into a width.
func reach(runes []rune, most, size float64, bold bool) int {
	sum := 0.0
	for i, r := range runes {
		if sum += measure(string(r), size, bold); sum > most {
			return i
		}
	}
	return len(runes)
}

// fit shortens text to a width and marks the cut with an ellipsis.
func fit(text string, most, size float64, bold bool) string {
	runes := []rune(human.Shorten(text, 400))
	if reach(runes, most, size, bold) == len(runes) {
		return string(runes)
	}
	n := reach(runes, most-measure("…", size, bold), size, bold)
	return strings.TrimRight(string(runes[:n]), " ,") + "…"
}

// wrap breaks text into at most n lines of a width and shortens the last one.
func wrap(text string, most, size float64, bold bool, n int) []string {
	runes := []rune(human.Shorten(text, 400))
	var out []string
	for len(runes) > 0 {
		end := reach(runes, most, size, bold)
		if len(out) == n-1 || end == len(runes) {
			return append(out, fit(string(runes), most, size, bold))
		}
		if space := lastSpace(runes[:end+1]); space > 0 && runeWidth(runes[max(end-1, 0)]) < 1000 {
			end = space
		}
		end = max(end, 1)
		out = append(out, strings.TrimSpace(string(runes[:end])))
		runes = []rune(strings.TrimSpace(string(runes[end:])))
	}
	return out
}

func lastSpace(runes []rune) int {
	for i := len(runes) - 1; i > 0; i-- {
		if runes[i] == ' ' {
			return i
		}
	}
	return 0
}
