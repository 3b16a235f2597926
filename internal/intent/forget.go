package intent

import (
	"context"
	"slices"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// Forget is an OnForget hook of this room: it erases how the customer's messages were classified, and its intents.
func Forget(ctx context.Context, b *unit.Unit, f *unit.Forgetting) error {
	if err := forgetCursor(ctx, b, f); err != nil {
		return err
	}
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

// forgetCursor moves a recomputation that has come as far as the customer back to the one before.
func forgetCursor(ctx context.Context, b *unit.Unit, f *unit.Forgetting) error {
	reached, err := sqldb.Setting(ctx, b.Tx, "intents")
	if err != nil || f.DryRun || reached == "" || !slices.Contains(f.IDs, reached) {
		return err
	}
	there, err := sqldb.LockSetting(ctx, b.Tx, "intents")
	if err != nil || !there {
		return err
	}
	before, err := customer.Before(ctx, b.Tx, reached)
	if err != nil {
		return err
	}
	return sqldb.SetSetting(ctx, b.Tx, "intents", before)
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
