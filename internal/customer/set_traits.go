package customer

import (
	"context"
	"errors"
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// SetTraits creates a customer with traits, or merges traits into an existing one, without an event: no enrollment is
// notified and no journey is entered.
func (s *Room) SetTraits(ctx context.Context, now time.Time, id string, traits map[string]any) error {
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
		if p == nil {
			return unit.ErrForgotten
		}
		if p.Merged != "" { // meanwhile
			return sqldb.ErrAgain
		}
		before := p.Traits
		if p.Traits, _, _, err = applyPatch(ctx, b, before, traits); err != nil {
			return err
		}
		if over := b.Units.Limits.Traits(before, p.Traits, false); over != nil {
			return over
		}
		p.Dirty = true
		for _, hook := range s.onTraitsSet {
			if err := hook(ctx, b, p); err != nil {
				return err
			}
		}
		return nil
	})
}

// known returns the customer with an id, or the id itself if there is none yet.
func known(ctx context.Context, tx sqldb.Conn, id string) (string, error) {
	own, err := Canonical(ctx, tx, id)
	if errors.Is(err, sqldb.ErrNotFound) {
		return id, nil
	}
	return own, err
}
