package variables

import (
	"context"

	"github.com/tabi-journeys/tabi/internal/unit"
)

// Forget is an OnForget hook of this room: it erases what other systems answered about the customer.
func Forget(ctx context.Context, b *unit.Unit, f *unit.Forgetting) error {
	return f.Erase(ctx, b, "http_call_responses", "key", `enrollment in (select id from enrollment_states where customer = $1)`,
		"what other systems answered about the customer", f.Customer)
}

// Exports are the lists of this room in a copy of all that is known of a customer.
var Exports = []unit.Export{
	{Table: "http_call_responses", Title: "What other systems answered about you", Where: `enrollment in (select id from enrollment_states where customer = $1)`, Key: "key"},
}
