package offer

import (
	"context"

	"github.com/tabi-journeys/tabi/internal/unit"
)

// Forget is an OnForget hook of this room. An offer whose outcome is known stays, without the customer and what was known of it, so
// that the numbers of its action do not change. One that is open goes: its outcome will never be known. No model learns from either.
func Forget(ctx context.Context, b *unit.Unit, f *unit.Forgetting) error {
	const why = "that an offer was made and what came of it, for the numbers of its action; not to whom"
	if err := f.Erase(ctx, b, "decisions", "key", `customer = $1`, "what was decided for the customer, and from which facts",
		f.Customer); err != nil {
		return err
	}
	// Inbound decisions' offers are renamed as their sends are.
	if err := f.Rename(ctx, b, "offers", `select key from offers where customer = $1 and key like 'inbound/%' limit $2`); err != nil {
		return err
	}
	if err := f.Erase(ctx, b, "offers", "key", `customer = $1 and outcome = ''`, why, f.Customer); err != nil {
		return err
	}
	return f.Replace(ctx, b, "offers", "key", `customer = $2, features = '{}', accepted_by = '', learned = 1`,
		`customer = $1 and outcome <> ''`, why,
		f.Customer, f.Pseudonym)
}

// Exports are the lists of this room in a copy of all that is known of a customer.
var Exports = []unit.Export{
	{Table: "decisions", Title: "What was decided for you", Where: `customer = $1`, Key: "at, key", Hide: []string{"release"}},
	{Table: "offers", Title: "Offers to you", Where: `customer = $1`, Key: "decided_at, key", Hide: []string{"learned"}},
}
