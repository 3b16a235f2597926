package address

import (
	"errors"
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// e164 matches an international number.
var e164 = regexp.MustCompile(`^\+[1-9]\d{6,14}$`)

// extension matches what people write before an extension.
var extension = regexp.MustCompile(`(?i)\s*(;\s*ext=|ext\.?|extension|x|内線|#|durchwahl)\s*:?\s*\d+$`)

// judgePhone reads a number in E.164 form as people write it: with blanks, hyphens, dots and brackets, with 00 for +, with
// the (0) that is left out abroad, after tel:, in full-width digits. A number without a country is refused, since it is
// another number in each country.
func judgePhone(text string) (Address, error) {
	text = strings.TrimSpace(norm.NFKC.String(text))
	if text == "" {
		return Address{}, errors.New("is empty")
	}
	if len(text) > 4 && strings.EqualFold(text[:4], "tel:") {
		text = text[4:]
	}
	if extension.MatchString(text) {
		return Address{}, notPhone("it has an extension, which takes no text messages")
	}
	international := strings.HasPrefix(strings.TrimLeft(text, " ("), "+") || strings.HasPrefix(strings.TrimLeft(text, " ("), "00")
	if international {
		text = strings.Replace(text, "(0)", "", 1)
	}
	number := strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune("()./·ー", r), unicode.Is(unicode.Pd, r), r == '−', unicode.IsSpace(r):
			return -1
		}
		return r
	}, text)
	if rest, ok := strings.CutPrefix(number, "00"); ok {
		number = "+" + rest
	}
	switch {
	case strings.Count(number, "+") > 1, strings.ContainsAny(number, ",;"):
		return Address{}, notPhone("more than one number is in the text")
	case !strings.HasPrefix(number, "+") && strings.Trim(number, "0123456789") == "":
		return Address{}, notPhone("it has no country code (+81 …)")
	case !e164.MatchString(number):
		return Address{}, notPhone("E.164 is + and 7 to 15 digits")
	}
	return Address{Text: number, Key: number}, nil
}

func notPhone(why string) error { return errors.New("is not an international phone number: " + why) }
