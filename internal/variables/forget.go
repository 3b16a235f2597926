package variables

import (
	"context"

	"github.com/tabi-journeys/tabi/internal/unit"
)

// own is the condition of the rows of a customer.
const own = `enrollment in (select id from enrollment_states where customer = $1)`

// Forget is an OnForget hook of this room: it erases what other systems answered about the customer.
func Forget(ctx context.Context, b *unit.Unit, f *unit.Forgetting) error {
	return f.Erase(ctx, b, "http_call_responses", "key", own,
		"what other systems answered about the customer", f.Customer)
}

// Exports are the lists of this room in a copy of all that is known of a customer.
var Exports = []unit.Export{
	{Table: "http_call_responses", Title: "What other systems answered about you", Where: own, Key: "key"},
}
