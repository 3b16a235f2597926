// Package address judges where messages go: mail addresses, phone numbers and device tokens. It is the one place that
// says which text is an address, how it is written for sending, when two texts mean one mailbox, and which words of a
// provider mean that an address is dead. See docs/decisions/0018.
package address

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// An Address is one that can be used.
type Address struct {
	Text string // as it is written for sending
	Key  string // folded: equal for all spellings of one mailbox, number or token
}

// A State is what is known of an address, whichever customer has it.
type State struct {
	Dead     bool      // a provider said that nothing arrives there
	Reason   string    // why it is dead, in the provider's words
	OptedOut bool      // who reads it has refused marketing
	Moved    bool      // another customer has signed in on the device since
	Since    time.Time // since when it is dead, or has opted out; zero: neither
	WroteAt  time.Time // when somebody last wrote from it, on a channel with sessions; zero: never
}

// Unusable is what a trait holds in place of an address.
type Unusable struct {
	Masked string // without what identifies a customer
	Reason string // for people: "is not a mail address: …"
}

// String returns the sentence for people.
func (u Unusable) String() string {
	if u.Masked == "" {
		return u.Reason
	}
	return u.Masked + " " + u.Reason
}

// Traits whose values are judged by their form. The values of other traits are device tokens, or addresses of a channel
// that tabi does not know: text, without blanks at the ends.
const (
	Mailbox   = "email"
	Phone     = "phone"
	PushToken = "push_token"
	LineID    = "line_id"
	WebPush   = "web_push"
)

// Several reports whether a message goes to every address of a trait, as to all devices of a customer. A message by mail, by
// LINE or to a phone goes to the first one that can be used.
func Several(trait string) bool { return trait != Mailbox && trait != Phone && trait != LineID }

// Judge returns the address that a text is. trait is the trait that the text is from. The error is for people and does
// not contain the text.
func Judge(trait, text string) (Address, error) {
	text = visible(text)
	switch trait {
	case Mailbox:
		m, err := ParseMail(text)
		if err != nil {
			return Address{}, err
		}
		return Address{Text: m.String(), Key: m.key()}, nil
	case Phone:
		return judgePhone(text)
	case LineID:
		return judgeLineID(text)
	case WebPush:
		return judgeSubscription(text)
	}
	return judgeToken(trait, text)
}

// Fold returns the key of an address: texts with one key mean one mailbox, number or token. A text that is no address is
// folded too, so that it can be compared.
func Fold(trait, text string) string {
	if a, err := Judge(trait, text); err == nil {
		return a.Key
	}
	text = strings.TrimSpace(visible(text))
	if Several(trait) {
		return text
	}
	return strings.ToLower(norm.NFKC.String(text))
}

// List returns the addresses of a trait's value, each once, in their order, and what else the value holds. A value is a
// text or a list, also of lists. Empty texts are neither.
func List(trait string, value any) (usable []Address, unusable []Unusable) {
	seen := map[string]bool{}
	var read func(v any, depth int)
	read = func(v any, depth int) {
		switch v := v.(type) {
		case nil:
		case string:
			if strings.TrimSpace(visible(v)) == "" {
				return
			}
			a, err := Judge(trait, v)
			switch {
			case err != nil && trait == WebPush:
				unusable = append(unusable, Unusable{"", "the web_push " + err.Error()})
			case err != nil:
				unusable = append(unusable, Unusable{Mask(v), err.Error()})
			case !seen[a.Key]:
				seen[a.Key] = true
				usable = append(usable, a)
			}
		case []any:
			if depth == maxDepth {
				unusable = append(unusable, Unusable{"", "a list is nested too deeply"})
				return
			}
			for _, one := range v {
				read(one, depth+1)
			}
		case map[string]any:
			if trait == PushToken { // {token, platform}: the form of the token says who delivers to it
				if token, ok := v["token"].(string); ok {
					read(token, depth+1)
				} else {
					unusable = append(unusable, Unusable{"", "the push_token is an object without a token"})
				}
				return
			}
			if trait == WebPush {
				text, err := json.Marshal(v)
				if err != nil {
					unusable = append(unusable, Unusable{"", "the subscription cannot be read"})
					return
				}
				read(string(text), depth+1)
				return
			}
			unusable = append(unusable, Unusable{"", "the " + trait + " is an object, not a text"})
		case bool:
			unusable = append(unusable, Unusable{"", "the " + trait + " is true or false, not a text"})
		case float64, int, int64, json.Number:
			unusable = append(unusable, Unusable{"", "the " + trait + " is a number, not a text"})
		default:
			unusable = append(unusable, Unusable{"", fmt.Sprintf("the %s is not a text", trait)})
		}
	}
	read(value, 0)
	return usable, unusable
}

// APNs reports whether a device token is one of Apple's push service, and not of Firebase: 64 hexadecimal digits or more.
func APNs(token string) bool {
	return len(token) >= 64 && len(token)%2 == 0 && strings.Trim(token, "0123456789abcdefABCDEF") == ""
}

// maxDepth is how deeply lists of addresses may be nested.
const maxDepth = 4

// Mask returns an address for people who need not see it: the first letter of a mailbox and its host, or the first two
// characters of anything else, with its length.
func Mask(text string) string {
	text = strings.TrimSpace(visible(text))
	if local, host, ok := strings.Cut(text, "@"); ok && local != "" && !strings.ContainsAny(host, "@ <>,;") {
		return string([]rune(local)[:1]) + "…@" + cut(host, 60)
	}
	n := len([]rune(text))
	if n <= 4 {
		return fmt.Sprintf("a text of %d characters", n)
	}
	return fmt.Sprintf("%s… (%d characters)", cut(text, 2), n)
}

func cut(s string, n int) string {
	if runes := []rune(s); len(runes) > n {
		return string(runes[:n])
	}
	return s
}

// visible drops what has no place in an address and is not seen: zero-width and other format characters (a byte-order
// mark, a soft hyphen), and blanks that are not an ordinary one, which come from copied texts.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Cf, r), r >= 0xFE00 && r <= 0xFE0F, strings.ContainsRune("\u115F\u1160\u2800\u3164", r):
			return -1
		case r != ' ' && unicode.Is(unicode.Zs, r):
			return -1
		}
		return r
	}, text)
}

// placeholders are what programs write where they have no value.
var placeholders = map[string]bool{
	"undefined": true, "null": true, "(null)": true, "<null>": true, "nil": true, "none": true, "nan": true, "n/a": true,
	"[object object]": true, "0": true, "-": true, "false": true, "true": true,
}

func judgeToken(trait, text string) (Address, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return Address{}, errors.New("is empty")
	case placeholders[strings.ToLower(text)]:
		return Address{}, errors.New("is a placeholder, not a value of " + trait)
	case strings.ContainsFunc(text, unicode.IsControl):
		return Address{}, errors.New("has a control character in it")
	case trait == PushToken && strings.ContainsFunc(text, unicode.IsSpace):
		return Address{}, errors.New("is not a device token: it has a blank in it")
	}
	return Address{Text: text, Key: text}, nil
}
