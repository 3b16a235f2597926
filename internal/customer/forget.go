package customer

import (
	"context"
	"database/sql"
	"errors"

	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// Forget is the last OnForget hook: it erases the log, the profile and the ids, by which the other rooms find their rows.
func Forget(ctx context.Context, b *unit.Unit, f *unit.Forgetting) error {
	if err := f.Erase(ctx, b, "events", "id", `customer = $1`, "what the customer did and said", f.Customer); err != nil {
		return err
	}
	if err := f.Erase(ctx, b, "customer_timezones", "customer", `customer = $1`, "where the customer lives", f.Customer); err != nil {
		return err
	}
	if err := f.Erase(ctx, b, "merges", "gone, survivor", `survivor = $1 or gone = $1 or survivor in (select id from customers where
		merged_into = $2) or gone in (select id from customers where merged_into = $2)`, "which ids are the customer's", f.Customer,
		f.Pseudonym); err != nil {
		return err
	}
	f.Table("addresses", "that a mailbox is dead or refuses marketing, whoever has it")
	return f.Erase(ctx, b, "customers", "id", `id = $1 or merged_into = $2 or merged_into = $1`, "the profile and all ids", f.Customer,
		f.Pseudonym)
}

// Before returns the id of the last customer before an id, in the database's order; "" if it is the first.
func Before(ctx context.Context, tx sqldb.Conn, id string) (string, error) {
	var before string
	err := tx.QueryRowContext(ctx, `select id from customers where id < $1 and merged_into = '' order by id desc limit 1`, id).Scan(&before)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return before, err
}
