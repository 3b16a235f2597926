// Package text holds what the filters of templates do with plain texts and with HTML.
package text

import (
	"html"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

var (
	tagMark   = regexp.MustCompile(`(?s)<.*?>`)
	blockMark = regexp.MustCompile(`(?s)<script.*?</script>|<!--.*?-->|<style.*?</style>`)
	entity    = regexp.MustCompile(`^&(?:[a-zA-Z][a-zA-Z0-9]*|#\d+|#[xX][0-9a-fA-F]+);`)
)

var escaper = strings.NewReplacer("&", "&amp;", ">", "&gt;", "<", "&lt;", `"`, "&quot;", "'", "&#39;")

// EscapeHTML writes the signs of HTML as entities.
func EscapeHTML(s string) string { return escaper.Replace(s) }

// StripTags removes tags, comments, scripts and styles.
func StripTags(s string) string {
	if !strings.Contains(s, "<") {
		return s
	}
	return tagMark.ReplaceAllString(blockMark.ReplaceAllString(s, ""), "")
}

// EscapeOnce escapes what is not an entity already.
func EscapeOnce(s string) string {
	var b strings.Builder
	for s != "" {
		at := strings.IndexByte(s, '&')
		if at < 0 {
			b.WriteString(EscapeHTML(s))
			break
		}
		b.WriteString(EscapeHTML(s[:at]))
		if m := entity.FindString(s[at:]); m != "" {
			b.WriteString(m)
			s = s[at+len(m):]
		} else {
			b.WriteString("&amp;")
			s = s[at+1:]
		}
	}
	return b.String()
}

// Upper writes large letters, ß as SS.
func Upper(s string) string {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return cases.Upper(language.Und).String(s)
		}
	}
	return strings.ToUpper(s)
}

// FirstCharacters returns the first n characters as a reader sees them: an emoji of several code points stays whole.
func FirstCharacters(s string, n int) string {
	if n <= 0 {
		return ""
	}
	end, count := 0, 0
	for i := range s {
		if count == n {
			end = i
			break
		}
		count++
		end = len(s)
	}
	for end > 0 && end < len(s) { // do not cut a character off from what joins it
		r, _ := utf8.DecodeRuneInString(s[end:])
		last, size := utf8.DecodeLastRuneInString(s[:end])
		if !joins(r) && last != '\u200d' {
			break
		}
		end -= size
	}
	return s[:end]
}

// joins reports whether a code point belongs to the character before it.
func joins(r rune) bool {
	return r == '\u200d' || unicode.Is(unicode.M, r) || r >= 0x1f3fb && r <= 0x1f3ff
}

// Handle returns a text as it is written in an address: small letters, digits and hyphens.
func Handle(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && r != '_'
	}), "-")
}

// Between applies do to what is between the tags of HTML, read and written as entities.
func Between(markup string, do func(string) string) string {
	var b strings.Builder
	for rest := markup; rest != ""; {
		at := tagMark.FindStringIndex(rest)
		if at == nil {
			at = []int{len(rest), len(rest)}
		}
		b.WriteString(EscapeHTML(do(html.UnescapeString(rest[:at[0]]))))
		b.WriteString(rest[at[0]:at[1]])
		rest = rest[at[1]:]
	}
	return b.String()
}
