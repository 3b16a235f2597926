package text

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxText is how much of a text is read, in bytes.
const maxText = 4000

// normalize returns a text as n-grams see it: NFKC, lower case, every run of white space one space, a space at both
// ends. Spaces between characters of scripts without spaces are dropped, so that it does not matter whether somebody
// typed them.
func normalize(text string) []rune {
	if len(text) > maxText {
		text = text[:maxText]
	}
	ascii := true
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	if !ascii {
		text = norm.NFKC.String(strings.ToValidUTF8(text, " "))
	}
	out := make([]rune, 1, len(text)+2)
	out[0] = ' '
	gap := false // white space is pending
	for _, r := range text {
		if r < utf8.RuneSelf {
			if 'A' <= r && r <= 'Z' {
				r += 'a' - 'A'
			}
			if r <= ' ' || r == 0x7f {
				gap = true
				continue
			}
		} else {
			if unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
				gap = true
				continue
			}
			switch r {
			case '’', '‘', 'ʼ':
				r = '\''
			default:
				r = unicode.ToLower(r)
			}
		}
		if gap {
			gap = false
			if last := out[len(out)-1]; last != ' ' && !(isUnspaced(last) && isUnspaced(r)) {
				out = append(out, ' ')
			}
		}
		out = append(out, r)
	}
	if out[len(out)-1] != ' ' {
		out = append(out, ' ')
	}
	return out
}

// isUnspaced reports whether a character belongs to a script written without spaces between words, or to its
// punctuation.
func isUnspaced(r rune) bool {
	switch {
	case r < 0x0e00:
		return false
	case r < 0x1100: // Thai, Lao, Tibetan, Burmese
		return r < 0x10a0
	case r >= 0x1780 && r < 0x1800: // Khmer
		return true
	}
	return r >= 0x3000 && r < 0xa000 || r >= 0xf900 && r < 0xfb00 || r >= 0xff00 && r < 0xfff0 || r >= 0x20000 && r < 0x32000
}

// isWordRune reports whether a character is part of a word.
func isWordRune(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || '0' <= r && r <= '9'
	}
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)
}
