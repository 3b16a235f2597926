package outbox

import (
	"context"

	"github.com/tabi-journeys/tabi/internal/unit"
)

// own is the condition of the rows of a customer.
const own = `enrollment in (select id from enrollment_states where customer = $1)`

// Forget is an OnForget hook of this room: it erases what waited for the customer's runs, and what they refused.
func Forget(ctx context.Context, b *unit.Unit, f *unit.Forgetting) error {
	if err := f.Erase(ctx, b, "outbox", "enrollment, seq", own, "what waited for the customer's runs", f.Customer); err != nil {
		return err
	}
	return f.Erase(ctx, b, "dead_letters", "enrollment, seq", own, "what the customer's runs refused", f.Customer)
}

// Exports are the lists of this room in a copy of all that is known of a customer.
var Exports = []unit.Export{
	{Table: "outbox", Title: "What waits to be handled", Where: own, Key: "enrollment, seq"},
	{Table: "dead_letters", Title: "What could not be handled", Where: own, Key: "enrollment, seq"},
}
