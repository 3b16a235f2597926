package customer

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// Room keeps profiles, their identities and their events.
type Room struct {
	db          *unit.Units
	onTraitsSet []OnTraitsSet
}

// OnTraitsSet does a room's part when SetTraits has changed a customer without an event.
type OnTraitsSet func(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer) error

// New returns the room, which calls the hooks in their order.
func New(db *unit.Units, onTraitsSet []OnTraitsSet) *Room {
	return &Room{db: db, onTraitsSet: onTraitsSet}
}

// Anonymous returns the customer id of an anonymous id.
func Anonymous(id string) string {
	if id == "" {
		return ""
	}
	return event.AnonymousPrefix + id
}

// merges reports whether a call links two ids.
func (c *SegmentCall) merges() bool {
	if c.Trust == Untrusted {
		return false
	}
	return c.Type == "alias" || c.Type == "identify" && c.UserID != "" && c.AnonymousID != "" || c.chat() != ""
}

// ChatVisitor returns the anonymous id of who writes by a channel without having told who they are, by their folded address there.
func ChatVisitor(channel, key string) string { return channel + ":" + key }

// chat returns the id of the visitor whom a call identifies by the account of LINE that it names; "": none. So what a user of LINE did
// before they were known, and what they write later, is theirs. Servers alone may say so.
func (c *SegmentCall) chat() string {
	id, _ := c.Traits[address.LineID].(string)
	if c.Type != "identify" || c.UserID == "" || c.Trust != Trusted || !address.IsLineID(strings.TrimSpace(id)) {
		return ""
	}
	return Anonymous(ChatVisitor("line", address.Fold(address.LineID, id)))
}

// Subject returns the id that a call is about, before merges. An untrusted call is about a visitor, whatever user it names.
func (c *SegmentCall) Subject() string {
	if c.UserID != "" && c.Trust != Untrusted {
		return c.UserID
	}
	return Anonymous(c.AnonymousID)
}

// others returns the ids that a call links to its subject. Segment's previousId may be a user id or an anonymous id: the
// one that exists is meant. If neither exists, both become ids of the subject, for later events that use them.
func (c *SegmentCall) others() []string {
	var out []string
	if c.Type == "alias" && c.PreviousID != "" {
		out = append(out, c.PreviousID, Anonymous(c.PreviousID))
	}
	if c.UserID != "" && c.AnonymousID != "" {
		out = append(out, Anonymous(c.AnonymousID))
	}
	if id := c.chat(); id != "" && id != Anonymous(c.AnonymousID) {
		out = append(out, id)
	}
	return out
}

// Identify finds and locks every customer that calls name. It returns the customer id of each id; "" for a customer who was
// forgotten.
func Identify(ctx context.Context, b *unit.Unit, calls []SegmentCall) (map[string]string, error) {
	var wanted []string
	for i := range calls {
		wanted = append(wanted, calls[i].Subject())
		if calls[i].merges() {
			wanted = append(wanted, calls[i].others()...)
		}
	}
	wanted = sqldb.Sorted(wanted)
	into := map[string]string{} // what exists
	if err := sqldb.Within(ctx, b.Tx, `select id, merged_into from customers where id in (%s)`, wanted, func(r *sql.Rows) error {
		var id, merged string
		err := r.Scan(&id, &merged)
		into[id] = merged
		return err
	}); err != nil {
		return nil, err
	}
	var ids []string
	need := func(id string) {
		if into[id] != "" && !unit.IsPseudonym(into[id]) {
			ids = append(ids, into[id])
		} else {
			ids = append(ids, id)
		}
	}
	for i := range calls {
		c := &calls[i]
		need(c.Subject())
		if !c.merges() {
			continue
		}
		others := c.others()
		_, user := into[c.PreviousID]
		_, anon := into[Anonymous(c.PreviousID)]
		for _, id := range others {
			if c.Type == "alias" && (user && !anon && id == Anonymous(c.PreviousID) || anon && !user && id == c.PreviousID) &&
				id != Anonymous(c.AnonymousID) {
				continue
			}
			need(id)
			ids = append(ids, id)
		}
	}
	if err := b.Lock(ctx, ids); err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, id := range wanted {
		names[id] = id
		if to := into[id]; to != "" && !unit.IsPseudonym(to) {
			names[id] = to
			if own := b.Customers[id]; own != nil && own.Merged != to { // redirected while waiting for the lock
				return nil, sqldb.ErrAgain
			}
		}
		p := b.Customers[names[id]]
		if p != nil && p.Merged != "" { // merged while waiting for the lock
			return nil, sqldb.ErrAgain
		}
		if p == nil { // forgotten, or left out of an alias above
			names[id] = ""
		}
	}
	return names, nil
}

// Linked is what a call changed that links ids.
type Linked struct {
	Changed  []string // traits
	Warnings []string // about traits that were left out, since the profile would be too large
	Stayed   bool     // protected traits stayed behind, since the call is not trusted to carry them over
}

// LinkIdentities links the other ids of a call to its subject, and merges customers where necessary. It returns the traits
// that changed, and what did not follow. It returns a limits.Error if the customer has too many ids.
func LinkIdentities(ctx context.Context, b *unit.Unit, names map[string]string, c *SegmentCall) (out Linked, err error) {
	if !c.merges() {
		return out, nil
	}
	link := unit.State[linking](b)
	*link = linking{web: c.Trust != Trusted}
	for _, id := range c.others() {
		if b.Customers[id] == nil || b.Customers[names[id]] == nil {
			continue // of an alias, the id that is not meant; or a forgotten one, which is linked to nobody
		}
		survivor := b.Customers[names[c.Subject()]]
		from := names[id]
		switch {
		case from == survivor.ID:
		case link.web && id != Anonymous(c.AnonymousID) && !event.Anonymous(from): // since the gateway has looked, or in the same batch
			return out, sqldb.InputError("previousId belongs to a user: a web key joins visitors only")
		case from != id && (id == Anonymous(c.AnonymousID) || id == Anonymous(c.PreviousID) || id == c.chat()):
			// An anonymous id that was merged before now belongs to another user. Its past events stay where they are.
			names[id] = survivor.ID
			if err := roomForID(ctx, b, survivor); err != nil {
				return out, err
			}
			if err := rememberMerge(ctx, b, b.Customers[id], survivor); err != nil {
				return out, err
			}
			if _, err := b.Tx.ExecContext(ctx, `update customers set merged_into = $2 where id = $1`, id, survivor.ID); err != nil {
				return out, err
			}
		default:
			if err := roomForID(ctx, b, survivor); err != nil {
				return out, err
			}
			for _, merge := range b.Units.Hooks.OnMerge {
				if err := merge(ctx, b, b.Customers[from], survivor); err != nil {
					return out, err
				}
			}
			out.Changed = append(out.Changed, link.changed...)
			if len(link.dropped) > 0 {
				out.Warnings = append(out.Warnings, "traits."+strings.Join(link.dropped, ", traits.")+
					": left out of the merge, since the customer's traits would be too large with them")
			}
			for name, to := range names {
				if to == from {
					names[name] = survivor.ID
				}
			}
		}
	}
	out.Changed, out.Stayed = sqldb.Sorted(out.Changed), link.stayed
	return out, nil
}

// roomForID returns a limits.Error if a customer has as many merged ids as are possible.
func roomForID(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer) error {
	n, most := 0, b.Units.Limits.IDs
	err := b.Tx.QueryRowContext(ctx, `select count(*) from (select 1 from customers where merged_into = $1 and merged_into <> ''
		limit $2) as merged`, p.ID, most).Scan(&n)
	if err == nil && n >= most {
		return b.Units.Limits.TooManyMerged()
	}
	return err
}

// Get returns a profile by a customer id, a merged id or an anonymous id, or ErrNotFound.
func (s *Room) Get(ctx context.Context, id string) (Customer, error) {
	var c Customer
	err := s.db.Read(ctx, func(tx sqldb.Conn) error {
		own, err := Whom(ctx, tx, id)
		if err != nil {
			return err
		}
		p, err := Read(ctx, tx, own)
		if err != nil {
			return err
		}
		c = Customer{ID: p.ID, Traits: p.Traits, Created: sqldb.Moment(p.Created), Bounced: map[string]string{}}
		if err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
			var id string
			err := r.Scan(&id)
			c.Merged = append(c.Merged, id)
			return err
		}, `select id from customers where merged_into = $1 order by id`, own); err != nil {
			return err
		}
		return s.readAddresses(ctx, tx, &c)
	})
	return c, err
}

// JoinedByWeb reports whether an id names another customer now because a call of a web key said so, somewhere on the way. Who holds a
// token for a visitor must not read what belongs to a user whom a page has joined with that visitor.
func (s *Room) JoinedByWeb(ctx context.Context, id string) (web bool, err error) {
	id = sqldb.Clean(id)
	err = s.db.Read(ctx, func(tx sqldb.Conn) error {
		own, err := Canonical(ctx, tx, id)
		if errors.Is(err, sqldb.ErrNotFound) {
			return nil
		}
		for err == nil && id != own && !web {
			found, failed := merges(ctx, tx, `m.gone = $1`, id)
			if err = failed; err != nil || len(found) == 0 {
				return err
			}
			last := found[len(found)-1]
			id, web = last.survivor, last.web == 1
		}
		return err
	})
	return web, err
}

// Whom returns the customer with a user id or, if there is none, with that anonymous id; or ErrNotFound.
func Whom(ctx context.Context, tx sqldb.Conn, id string) (string, error) {
	found, err := Canonical(ctx, tx, id)
	if errors.Is(err, sqldb.ErrNotFound) {
		return Canonical(ctx, tx, Anonymous(id))
	}
	return found, err
}

// ReadOf runs f in a read transaction with the customer id of a filter, which is "" if the filter names none. It does not
// call f for an unknown customer.
func ReadOf(ctx context.Context, db *unit.Units, customerID string, f func(tx sqldb.Conn, customerID string) error) error {
	return db.Read(ctx, func(tx sqldb.Conn) error {
		id, err := filtered(ctx, tx, customerID)
		if errors.Is(err, sqldb.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return f(tx, id)
	})
}

// filtered returns the customer id of a filter; "" stays "".
func filtered(ctx context.Context, tx sqldb.Conn, id string) (string, error) {
	if id == "" {
		return "", nil
	}
	return Canonical(ctx, tx, id)
}
