package customer

import (
	"context"
	"errors"
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// SetTraits makes a customer with traits, or merges traits into one, without an event: nobody hears of it and nobody
// enters by it.
func (s *CustomerRoom) SetTraits(ctx context.Context, now time.Time, id string, traits map[string]any) error {
	id = sqldb.Clean(id)
	if id == "" {
		return sqldb.InputError("the customer's id is missing")
	}
	traits, _, err := sqldb.Normal(traits)
	if err != nil {
		return err
	}
	return s.db.Change(ctx, now, func(tx sqldb.Conn, b *unit.Unit) error {
		own, err := known(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := b.Lock(ctx, []string{own}); err != nil {
			return err
		}
		p := b.Customers[own]
		if p.Merged != "" { // meanwhile
			return sqldb.ErrAgain
		}
		p.Traits, _ = MergeTraits(p.Traits, traits)
		p.Dirty = true
		// The next event finds out anew what was true before it.
		_, err = tx.ExecContext(ctx, `delete from entry_conditions where customer = $1`, own)
		return err
	})
}

// known is the customer an id means, or the id itself where there is none yet.
func known(ctx context.Context, tx sqldb.Conn, id string) (string, error) {
	own, err := unit.Canonical(ctx, tx, id)
	if errors.Is(err, sqldb.ErrNotFound) {
		return id, nil
	}
	return own, err
}
