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

// maxReason is the longest reason, in characters.
const maxReason = 200

// addressLike matches what looks like a mail address, a phone number or a long token in a provider's reply.
var addressLike = regexp.MustCompile(`<?[^\s<>@"']+@[^\s<>@"',;:]+>?|\+\d[\d\s().-]{6,}\d|\d{8,}|[A-Za-z0-9_:-]{60,}`)

// clean makes a provider's reply fit for people and logs: one line, without addresses, at most maxReason long.
// addresses are the recipient's, in all its spellings; they are removed however they look.
func clean(words string, addresses ...string) string {
	for _, address := range addresses {
		if address != "" {
			words = strings.ReplaceAll(words, address, "…")
		}
	}
	words = strings.Join(strings.Fields(addressLike.ReplaceAllString(oneLine(strings.ToValidUTF8(words, "")), "…")), " ")
	if runes := []rune(words); len(runes) > maxReason {
		words = string(runes[:maxReason]) + "…"
	}
	return words
}

// trouble returns in words why a connection failed, without the address, which may be a customer's.
func trouble(err error) string {
	if errors.Is(err, errPrivate) {
		return errPrivate.Error()
	}
	return httpclient.Cause(err)
}

// digest returns a short name for a key: 32 hex digits, the same each time.
func digest(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:16])
}

// headerKey returns the key as a header and a Standard Webhooks id can carry it, which is ASCII without dots: bytes
// other than letters, digits and / _ - : ~ are percent-encoded.
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
