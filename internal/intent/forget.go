package intent

import (
	"context"

	"github.com/tabi-journeys/tabi/internal/unit"
)

// Forget is an OnForget hook of this room: it erases how the customer's messages were classified, and its intents.
func Forget(ctx context.Context, b *unit.Unit, f *unit.Forgetting) error {
	if err := f.Erase(ctx, b, "classifications", "event", `event in (select id from event_log where customer = $1)`,
		"how the customer's messages were classified", f.Customer); err != nil {
		return err
	}
	if err := f.Erase(ctx, b, "intent_evidence", "customer, intent, event, n", `customer = $1`,
		"what the customer did, by intent", f.Customer); err != nil {
		return err
	}
	return f.Erase(ctx, b, "intents", "customer, intent", `customer = $1`, "what the customer seemed to want", f.Customer)
}
