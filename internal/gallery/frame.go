package gallery

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// Widths of readers, in CSS pixels: a phone, and a window on a desk.
const (
	Narrow = 390
	Wide   = 1280
)

var (
	asksDark    = regexp.MustCompile(`(?i)prefers-color-scheme\s*:\s*dark`)
	asksLight   = regexp.MustCompile(`(?i)prefers-color-scheme\s*:\s*light`)
	colorScheme = regexp.MustCompile(`(?i)<meta[^>]+name\s*=\s*["']?(?:supported-)?color-schemes?\b`)
	headEnd     = regexp.MustCompile(`(?i)</head\s*>`)
	addresses   = regexp.MustCompile(`\(?https?://[^\s)]+\)?`) // of links, in plain text
	isDocument  = regexp.MustCompile(`(?i)^\s*(?:<!--.*?-->\s*)*(?:<!doctype|<html|<head|<body)`)
)

// SupportsDark reports whether the html of a mail says how it looks in the dark. Readers darken others as they like.
func SupportsDark(html string) bool {
	return asksDark.MatchString(html) || colorScheme.MatchString(html)
}

// Document returns the html of a mail as a reader shows it, in the light or in the dark. Which one is written into its style sheets,
// since no page can choose it for a frame. A mail that does not say how it looks in the dark is inverted, as many readers do.
func Document(html string, dark bool) string {
	const always, never = "min-width: 0px", "max-width: 0px"
	style := ":root{color-scheme:light}"
	if dark {
		style = ":root{color-scheme:dark}"
		if !SupportsDark(html) {
			style = "html{filter:invert(1) hue-rotate(180deg);background:#fff;min-height:100%}" +
				"img{filter:invert(1) hue-rotate(180deg)}"
		}
		html = asksLight.ReplaceAllString(asksDark.ReplaceAllString(html, always), never)
	} else {
		html = asksLight.ReplaceAllString(asksDark.ReplaceAllString(html, never), always)
	}
	if !isDocument.MatchString(html) {
		return `<!doctype html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
			`<style>body{margin:16px;font:16px/1.5 system-ui,sans-serif;overflow-wrap:break-word}` + style + `</style></head><body>` +
			html + `</body></html>`
	}
	style = "<style>" + style + "</style>"
	if at := headEnd.FindStringIndex(html); at != nil {
		return html[:at[0]] + style + html[at[0]:]
	}
	return html + style
}

// height estimates how high a mail is at a width, in pixels. A frame cannot be asked, since its page runs no scripts.
func height(html, text string, wide bool) int {
	column := 46.0 // letters in a line
	if wide {
		column = 78
	}
	lines := 0.0
	for line := range strings.SplitSeq(addresses.ReplaceAllString(text, ""), "\n") {
		lines += 1 + float64(int(letters(line)/column))
	}
	pictures := strings.Count(strings.ToLower(html), "<img")
	return int(min(1400, max(160, 72+lines*23+float64(pictures)*140)))
}

// letters returns the width of a text in Latin letters.
func letters(text string) (n float64) {
	for _, r := range text {
		switch kind := width.LookupRune(r).Kind(); {
		case unicode.Is(unicode.Mn, r):
		case kind == width.EastAsianWide || kind == width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}
