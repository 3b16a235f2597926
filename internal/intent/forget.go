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

// Exports are the lists of this room in a copy of all that is known of a customer.
var Exports = []unit.Export{
	{Table: "intents", Title: "What you seem to want", Where: `customer = $1`, Key: "customer, intent", Hide: []string{"definition"}},
	{
		Table: "intent_evidence", Title: "What this is based on", Where: `customer = $1`,
		Key: "customer, intent, event, n", Hide: []string{"n"},
	},
	{
		Table: "classifications", Title: "How your messages were understood",
		Where: `event in (select id from event_log where customer = $1)`, Key: "event",
	},
}
