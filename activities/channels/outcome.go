package channels

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/tabi-journeys/tabi/activities/httpclient"
)

// maxReason is the longest reason in characters.
const maxReason = 200

// addressLike finds what looks like a mail address, a phone number or a long token in a provider's answer.
var addressLike = regexp.MustCompile(`<?[^\s<>@"']+@[^\s<>@"',;:]+>?|\+\d[\d\s().-]{6,}\d|\d{8,}|[A-Za-z0-9_:-]{60,}`)

// clean makes a provider's words fit for people and logs: one line, no addresses, not too long. Address is what the
// message was for, and is taken out however it looks.
func clean(words, address string) string {
	if address != "" {
		words = strings.ReplaceAll(words, address, "…")
	}
	words = strings.Join(strings.Fields(addressLike.ReplaceAllString(oneLine(strings.ToValidUTF8(words, "")), "…")), " ")
	if runes := []rune(words); len(runes) > maxReason {
		words = string(runes[:maxReason]) + "…"
	}
	return words
}

// trouble says in words why a connection failed, without the address it was to, which may be a customer's.
func trouble(err error) string {
	if errors.Is(err, errPrivate) {
		return errPrivate.Error()
	}
	return httpclient.Cause(err)
}

// digest is a short name for a key: 32 hex digits, the same each time.
func digest(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:16])
}

// headerKey is the key as it can stand in a header and in a Standard Webhooks id, which is ASCII without full stops:
// other bytes than letters, digits and / _ - : ~ are percent-encoded.
func headerKey(key string) string {
	var b strings.Builder
	for i := 0; i < len(key); i++ {
		switch c := key[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("/_-:~", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
