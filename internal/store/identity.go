package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
)

// CustomerRoom are the profiles, their identities and their events.
type CustomerRoom struct{ db *units }

// newCustomerRoom returns the room.
func newCustomerRoom(db *units) *CustomerRoom { return &CustomerRoom{db: db} }

// anonymous is the customer id of an anonymous id.
func anonymous(id string) string {
	if id == "" {
		return ""
	}
	return "anon:" + id
}

// merges reports whether a call joins two ids.
func (c *SegmentCall) merges() bool {
	return c.Type == "alias" || c.Type == "identify" && c.UserID != "" && c.AnonymousID != ""
}

// subject is the id a call is about, before merges.
func (c *SegmentCall) subject() string {
	if c.UserID != "" {
		return c.UserID
	}
	return anonymous(c.AnonymousID)
}

// others are the ids that a call joins to its subject, as far as they are known. Segment's previousId is a
// user's or an anonymous one: those that exist are meant; where none does, both are kept as names of the
// subject, for what still comes under them.
func (c *SegmentCall) others() []string {
	var out []string
	if c.Type == "alias" && c.PreviousID != "" {
		out = append(out, c.PreviousID, anonymous(c.PreviousID))
	}
	if c.UserID != "" && c.AnonymousID != "" {
		out = append(out, anonymous(c.AnonymousID))
	}
	return out
}

// identify finds and locks every customer the calls are about; the answer maps ids to customers.
func identify(ctx context.Context, b *unit, calls []SegmentCall) (map[string]string, error) {
	var wanted []string
	for i := range calls {
		wanted = append(wanted, calls[i].subject())
		if calls[i].merges() {
			wanted = append(wanted, calls[i].others()...)
		}
	}
	wanted = sorted(wanted)
	into := map[string]string{} // what exists
	if err := within(ctx, b.tx, `select id, merged_into from customers where id in (%s)`, wanted, func(r *sql.Rows) error {
		var id, merged string
		err := r.Scan(&id, &merged)
		into[id] = merged
		return err
	}); err != nil {
		return nil, err
	}
	var ids []string
	need := func(id string) {
		if into[id] != "" {
			ids = append(ids, into[id])
		} else {
			ids = append(ids, id)
		}
	}
	for i := range calls {
		c := &calls[i]
		need(c.subject())
		if !c.merges() {
			continue
		}
		others := c.others()
		_, user := into[c.PreviousID]
		_, anon := into[anonymous(c.PreviousID)]
		for _, id := range others {
			if c.Type == "alias" && (user && !anon && id == anonymous(c.PreviousID) || anon && !user && id == c.PreviousID) &&
				id != anonymous(c.AnonymousID) {
				continue
			}
			need(id)
			ids = append(ids, id)
		}
	}
	if err := b.lock(ctx, ids); err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, id := range wanted {
		names[id] = id
		if to := into[id]; to != "" {
			names[id] = to
			if own := b.customers[id]; own != nil && own.merged != to { // pointed elsewhere while we waited
				return nil, errAgain
			}
		}
		if p := b.customers[names[id]]; p != nil && p.merged != "" { // merged while we waited
			return nil, errAgain
		}
	}
	return names, nil
}

// join makes the other ids of a call names of its subject. changed are the traits that became others by it.
func linkIdentities(ctx context.Context, b *unit, names map[string]string, c *SegmentCall) (changed []string, err error) {
	if !c.merges() {
		return nil, nil
	}
	for _, id := range c.others() {
		if b.customers[id] == nil {
			continue
		}
		survivor := b.customers[names[c.subject()]]
		from := names[id]
		switch {
		case from == survivor.id:
		case from != id && id == anonymous(c.AnonymousID), from != id && id == anonymous(c.PreviousID):
			// An anonymous id that was merged before: from now on it is another user's; what happened stays
			// where it is.
			names[id] = survivor.id
			if _, err := b.tx.ExecContext(ctx, `update customers set merged_into = $2 where id = $1`, id, survivor.id); err != nil {
				return nil, err
			}
		default:
			for _, merge := range b.units.hooks.beforeMerge {
				if err := merge(ctx, b, b.customers[from], survivor); err != nil {
					return nil, err
				}
			}
			more, err := mergeCustomers(ctx, b, b.customers[from], survivor)
			if err != nil {
				return nil, err
			}
			changed = append(changed, more...)
			for name, to := range names {
				if to == from {
					names[name] = survivor.id
				}
			}
		}
	}
	return sorted(changed), nil
}

// merge makes one customer of two: both histories, the survivor's traits over the other's, and of two open
// instances of one journey and key the older.
func mergeCustomers(ctx context.Context, b *unit, gone, survivor *lockedCustomer) (changed []string, err error) {
	if err := b.flush(ctx); err != nil {
		return nil, err
	}
	for _, merge := range b.units.hooks.onMerge {
		if err := merge(ctx, b, gone, survivor); err != nil {
			return nil, err
		}
	}
	if _, err := b.tx.ExecContext(ctx, `update customers set merged_into = $2, traits = '{}' where id = $1 or merged_into = $1`, gone.id, survivor.id); err != nil {
		return nil, err
	}
	if _, err := b.tx.ExecContext(ctx, `delete from customer_timezones where customer = $1`, gone.id); err != nil {
		return nil, err
	}
	survivor.created = min(survivor.created, gone.created)
	if _, err := b.tx.ExecContext(ctx, `update customers set created_at = $2 where id = $1`, survivor.id, survivor.created); err != nil {
		return nil, err
	}
	if len(gone.traits) > 0 {
		survivor.traits, changed = joinTraits(survivor.traits, gone.traits)
		survivor.dirty = true
	}
	for _, e := range gone.open {
		e.Customer = survivor.id
	}
	survivor.open = append(survivor.open, gone.open...)
	survivor.sort()
	gone.open, gone.traits, gone.stored, gone.merged, gone.dirty = nil, map[string]any{}, nil, survivor.id, false
	for _, merge := range b.units.hooks.afterMerge {
		if err := merge(ctx, b, gone, survivor); err != nil {
			return nil, err
		}
	}
	return changed, nil
}

// Customer by id (also a merged or anonymous one); ErrNotFound.
func (s *CustomerRoom) Customer(ctx context.Context, id string) (Customer, error) {
	var c Customer
	err := s.db.read(ctx, func(tx conn) error {
		own, err := whom(ctx, tx, id)
		if err != nil {
			return err
		}
		p, err := scanPerson(
			tx.QueryRowContext(ctx, `select id, version, traits, merged_into, created_at from customers where id = $1`, own),
		)
		if err != nil {
			return err
		}
		c = Customer{ID: p.id, Traits: p.traits, Created: moment(p.created), Bounced: map[string]string{}}
		if err := rows(ctx, tx, func(r *sql.Rows) error {
			var id string
			err := r.Scan(&id)
			c.Merged = append(c.Merged, id)
			return err
		}, `select id from customers where merged_into = $1 order by id`, own); err != nil {
			return err
		}
		return within(ctx, tx, `select address, reason from bounces where address in (%s)`, addresses(p.traits), func(r *sql.Rows) error {
			var address, reason string
			err := r.Scan(&address, &reason)
			c.Bounced[address] = reason
			return err
		})
	})
	return c, err
}

// addresses are the customer's, of all channels.
func addresses(traits map[string]any) []string {
	var out []string
	for _, name := range []string{"email", "phone", "push_token"} {
		switch v := traits[name].(type) {
		case string:
			out = append(out, clean(v))
		case []any:
			for _, one := range v {
				if s, ok := one.(string); ok {
					out = append(out, clean(s))
				}
			}
		}
	}
	out = sorted(out)
	return slices.Clip(out)
}

// whom is the customer that an id of people means: a user id, or else an anonymous one; ErrNotFound.
func whom(ctx context.Context, tx conn, id string) (string, error) {
	found, err := canonical(ctx, tx, id)
	if errors.Is(err, ErrNotFound) {
		return canonical(ctx, tx, anonymous(id))
	}
	return found, err
}

// readOf reads with a filter's customer, as filtered gives it; f is not called, and nothing is found, for one
// that is not known.
func readOf(ctx context.Context, db *units, customerID string, f func(tx conn, customerID string) error) error {
	return db.read(ctx, func(tx conn) error {
		id, err := filtered(ctx, tx, customerID)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return f(tx, id)
	})
}

// filtered is the customer a filter means; an empty one does not narrow.
func filtered(ctx context.Context, tx conn, id string) (string, error) {
	if id == "" {
		return "", nil
	}
	return canonical(ctx, tx, id)
}
