// Package sms counts the segments that a text message is sent in. Providers charge for each part, and networks deliver each on its own.
package sms

// Encoding is how a text is encoded on the air.
type Encoding string

// The encodings.
const (
	GSM7 Encoding = "GSM-7" // 7 bits for a character of the default alphabet, 14 for one of its extension
	UCS2 Encoding = "UCS-2" // 16 bits for a unit of UTF-16; an emoji has two
)

// Units of a message of one segment, and of each segment of a longer one, whose header takes the rest.
const (
	gsmOne, gsmEach = 160, 153 // septets
	ucsOne, ucsEach = 70, 67   // units of UTF-16
)

// Count says how a text is sent.
type Count struct {
	Encoding Encoding
	Units    int    // septets, or units of UTF-16
	Segments int    // 0 for an empty text
	Odd      []rune // the characters that GSM-7 lacks, each once, in their order: without them the text would be GSM-7
}

// basic are the characters of the default alphabet (3GPP TS 23.038, 6.2.1), one septet each.
const basic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿" +
	"abcdefghijklmnopqrstuvwxyzäöñüà"

// extension are the characters of the extension table (6.2.1.1): an escape and one more septet.
const extension = "\f^{}\\[~]|€"

// septets has the number of septets of each character of GSM-7.
var septets = func() map[rune]int {
	out := map[rune]int{}
	for _, r := range basic {
		out[r] = 1
	}
	for _, r := range extension {
		out[r] = 2
	}
	return out
}()

// Segments counts the segments of a text. A character is never cut: neither an escape from its septet, nor the halves of an emoji.
func Segments(text string) Count {
	c := Count{Encoding: GSM7}
	seen := map[rune]bool{}
	for _, r := range text {
		if septets[r] == 0 && !seen[r] {
			seen[r] = true
			c.Odd = append(c.Odd, r)
		}
	}
	size, one, each := func(r rune) int { return septets[r] }, gsmOne, gsmEach
	if len(c.Odd) > 0 {
		c.Encoding, size, one, each = UCS2, utf16Units, ucsOne, ucsEach
	}
	used := 0 // of the last segment
	for _, r := range text {
		n := size(r)
		c.Units += n
		if c.Segments == 0 || used+n > each {
			c.Segments, used = c.Segments+1, 0
		}
		used += n
	}
	if c.Segments > 1 && c.Units <= one {
		c.Segments = 1
	}
	return c
}

func utf16Units(r rune) int {
	if r > 0xFFFF {
		return 2
	}
	return 1
}
