package store

import (
	"context"
	"errors"
	"time"
)

// SetTraits makes a customer with traits, or merges traits into one, without an event: nobody hears of it and nobody
// enters by it.
func (s *CustomerRoom) SetTraits(ctx context.Context, now time.Time, id string, traits map[string]any) error {
	id = clean(id)
	if id == "" {
		return inputError("the customer's id is missing")
	}
	traits, _, err := normal(traits)
	if err != nil {
		return err
	}
	return s.db.change(ctx, now, func(tx conn, b *unit) error {
		own, err := known(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := b.lock(ctx, []string{own}); err != nil {
			return err
		}
		p := b.customers[own]
		if p.merged != "" { // meanwhile
			return errAgain
		}
		p.traits, _ = mergeTraits(p.traits, traits)
		p.dirty = true
		// The next event finds out anew what was true before it.
		_, err = tx.ExecContext(ctx, `delete from entry_conditions where customer = $1`, own)
		return err
	})
}

// known is the customer an id means, or the id itself where there is none yet.
func known(ctx context.Context, tx conn, id string) (string, error) {
	own, err := canonical(ctx, tx, id)
	if errors.Is(err, ErrNotFound) {
		return id, nil
	}
	return own, err
}
