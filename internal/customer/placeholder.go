package customer

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/human"
)

// PlaceholderID is the reason for which a call is refused whose user id, anonymous id or previous id means nobody.
const PlaceholderID = "placeholder_id"

// placeholders are ids that programs send where they know none, in lower case. docs/http.md has the table.
var placeholders = map[string]bool{
	"undefined": true, "null": true, "(null)": true, "<null>": true, "nil": true, "<nil>": true, "none": true, "(none)": true,
	"nan": true, "n/a": true, "-1": true, "true": true, "false": true, "[object object]": true, "{}": true, "[]": true,
	`""`: true, "''": true, "(not set)": true, "anonymous": true, "unknown": true, "guest": true, "not_authenticated": true,
	"id": true, "user_id": true, "userid": true, "distinct_id": true, "anonymous_id": true, "anonymousid": true,
	"ffffffff-ffff-ffff-ffff-ffffffffffff": true,
}

// unfilled are the forms of a template's variable that was sent as it is. Braces around an id in hex are none.
var unfilled = regexp.MustCompile(`^(\{\{.*\}\}|\$\{.*\}|\{%.*%\}|<%.*%>|%[A-Za-z_.]+%|%%.*%%|\*\|.*\|\*|\[\[.*\]\]|` +
	`[\{\[<][A-Za-z_.]*[_.][A-Za-z_.]*[\}\]>]|\{(id|user|userid|uid)\})$`)

// zeros are ids of zeros alone: 0, 0000 and the UUID without a value, in braces too.
var zeros = regexp.MustCompile(`^\{?[0-]*0[0-]*\}?$`)

// RefuseID returns PlaceholderID for an id that means nobody, such as "undefined" or "0", and "" otherwise; also for an
// empty id, since a call may lack one of its ids. Two people who share such an id would share one profile.
func RefuseID(id string) (reason string) {
	if id == "" {
		return ""
	}
	name := strings.ToLower(strings.TrimFunc(strings.TrimPrefix(id, event.AnonymousPrefix), blank))
	if name == "" || placeholders[name] || zeros.MatchString(name) || unfilled.MatchString(name) {
		return PlaceholderID
	}
	return ""
}

// blank reports whether a character shows nothing: a space, a control character or one of zero width.
func blank(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}

// Placeholder returns the field of a call whose id means nobody, in words, or nil. See RefuseID.
func (c *SegmentCall) Placeholder() error {
	for _, one := range []struct{ field, id string }{
		{"userId", c.UserID}, {"anonymousId", c.AnonymousID}, {"previousId", c.PreviousID},
	} {
		if RefuseID(one.id) != "" {
			return errors.New(PlaceholderWords(one.field, one.id))
		}
	}
	return nil
}

// PlaceholderWords says why the id in a field is refused.
func PlaceholderWords(field, id string) string {
	return fmt.Sprintf("%s %q means nobody: send the customer's own id, or leave the field out", field, human.Shorten(id, 40))
}
