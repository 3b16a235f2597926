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
