package offer

import (
	"context"
	"database/sql"

	"github.com/tabi-journeys/tabi/internal/sqldb"
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
	if err := renameInbound(ctx, b, f); err != nil {
		return err
	}
	if err := f.Erase(ctx, b, "offers", "key", `customer = $1 and outcome = ''`, why, f.Customer); err != nil {
		return err
	}
	return f.Replace(ctx, b, "offers", "key", `customer = $2, features = '{}', accepted_by = '', learned = 1`, `customer = $1`, why,
		f.Customer, f.Pseudonym)
}

// renameInbound replaces the keys of inbound decisions' offers as those of their sends are: they hold the customer's id.
func renameInbound(ctx context.Context, b *unit.Unit, f *unit.Forgetting) error {
	if f.DryRun || f.Left <= 0 {
		return nil
	}
	var keys []string
	if err := sqldb.Rows(ctx, b.Tx, func(r *sql.Rows) error {
		var key string
		err := r.Scan(&key)
		keys = append(keys, key)
		return err
	}, `select key from offers where customer = $1 and key like 'inbound/%' limit $2`, f.Customer, f.Left); err != nil || len(keys) == 0 {
		return err
	}
	f.Left -= int64(len(keys))
	return sqldb.Update(ctx, b.Tx, "offers", "key", "key = v.column2", []string{"text", "text"}, f.Aliases(keys))
}

// Exports are the lists of this room in a copy of all that is known of a customer.
var Exports = []unit.Export{
	{Table: "decisions", Title: "What was decided for you", Where: `customer = $1`, Key: "at, key", Hide: []string{"release"}},
	{Table: "offers", Title: "Offers to you", Where: `customer = $1`, Key: "decided_at, key", Hide: []string{"learned"}},
}
