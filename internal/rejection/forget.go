package rejection

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/tabi-journeys/tabi/internal/unit"
)

// leastSure is from which length on, in bytes, an id in a refused call means the customer wherever it is. A shorter one has to be
// a whole JSON value.
const leastSure = 6

// Forget is an OnForget hook of this room: it erases the refused calls that name one of the customer's ids or addresses. A call that
// another customer's id contains may go with them: it is only a hint for who sends calls.
func Forget(ctx context.Context, b *unit.Unit, f *unit.Forgetting) error {
	const why = "refused calls that name an id or an address of the customer"
	f.Table("rejected_calls", why)
	for _, text := range append(f.IDs[:len(f.IDs):len(f.IDs)], f.Addresses...) {
		plain := strings.TrimPrefix(text, "anon:")
		quoted, err := json.Marshal(plain)
		if err != nil || plain == "" {
			continue
		}
		pattern, number := string(quoted), plain
		if len(plain) >= leastSure {
			pattern, number = pattern[1:len(pattern)-1], pattern[1:len(pattern)-1]
		} else {
			number = ":" + number + ","
		}
		for _, p := range []string{pattern, number} {
			like := "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(p) + "%"
			if err := f.Erase(ctx, b, "rejected_calls", "id", `payload like $1 escape '!' or lower(payload) like $2 escape '!' or
				message like $1 escape '!' or lower(message) like $2 escape '!' or field like $1 escape '!'`, why, like,
				strings.ToLower(like)); err != nil {
				return err
			}
			if pattern == number {
				break
			}
		}
	}
	return nil
}
