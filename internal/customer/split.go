package customer

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// A mergeRow is what was known of two ids when they became one customer.
type mergeRow struct {
	gone, survivor                 string
	at, n                          int64
	goneTraits, survivorTraits     map[string]any
	goneCreated, survivorCreated   int64
	goneDraw, survivorDraw, merged string // merged is the customer that gone names now
	web                            int    // 1: by a call of a web key, which carried over no protected trait
}

// before reports whether the merge was before an event, or another merge.
func (m *mergeRow) before(at, n int64) bool { return m.at < at || m.at == at && m.n < n }

// rememberMerge records what is known of two ids before they become one customer. See Split.
func rememberMerge(ctx context.Context, b *unit.Unit, gone, survivor *unit.LockedCustomer) error {
	goneTraits, err := sqldb.Text(gone.Traits)
	if err != nil {
		return err
	}
	survivorTraits, err := sqldb.Text(survivor.Traits)
	if err != nil {
		return err
	}
	web := 0
	if unit.State[linking](b).web {
		web = 1
	}
	_, err = b.Tx.ExecContext(ctx, `insert into merges (gone, survivor, at, n, gone_traits, gone_created, gone_draw, survivor_traits,
		survivor_created, survivor_draw, web) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		on conflict (gone, survivor) do update set at = excluded.at, n = excluded.n, gone_traits = excluded.gone_traits,
		gone_created = excluded.gone_created, gone_draw = excluded.gone_draw, survivor_traits = excluded.survivor_traits,
		survivor_created = excluded.survivor_created, survivor_draw = excluded.survivor_draw, web = excluded.web`,
		gone.ID, survivor.ID, sqldb.Millis(b.Now), unit.State[newEvents](b).n, goneTraits, gone.Created, gone.Draw, survivorTraits,
		survivor.Created, survivor.Draw, web)
	return err
}

// merges returns recorded merges in their order.
func merges(ctx context.Context, tx sqldb.Conn, where string, args ...any) ([]*mergeRow, error) {
	var out []*mergeRow
	err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
		var m mergeRow
		var gone, survivor string
		err := r.Scan(&m.gone, &m.survivor, &m.at, &m.n, &gone, &m.goneCreated, &m.goneDraw, &survivor, &m.survivorCreated, &m.survivorDraw,
			&m.merged, &m.web)
		if err == nil {
			m.goneTraits, err = sqldb.Object(gone)
		}
		if err == nil {
			m.survivorTraits, err = sqldb.Object(survivor)
		}
		out = append(out, &m)
		return err
	}, `select m.gone, m.survivor, m.at, m.n, m.gone_traits, m.gone_created, m.gone_draw, m.survivor_traits, m.survivor_created,
		m.survivor_draw, c.merged_into, m.web from merges m join customers c on c.id = m.gone where `+where+
		` order by m.at, m.n, m.gone`, args...)
	return out, err
}

// Split undoes a merge: what came from id, which was merged into the customer, or from an id that had been merged into it before,
// is a customer of its own again. It returns an InputError if id was not merged into the customer, or is only part of
// an id that was.
//
// What goes back is known by where it came from, not by the time of the merge: events that named the id, enrollments that they
// entered, and the sends, hand-offs and decisions of those enrollments, also what came after the merge. Traits are computed again
// for both, from what each was when they were merged and from the events since. A consent that was refused since is
// refused for both, since nobody knows for whom it was meant. Intents are computed again from the events of each.
//
// It does not take back what happened: messages that were sent, journeys that were entered or ended by events of the other one,
// the younger of two enrollments that the merge ended, what models have learned, scores set by hand, and how readily the customer
// answers on each channel stay with the customer. No journey is entered by a split, whatever condition it makes true.
// See docs/decisions/0017.
func (s *Room) Split(ctx context.Context, now time.Time, customerID, id string) (unit.Parting, error) {
	customerID, id = sqldb.Clean(customerID), sqldb.Clean(id)
	var out unit.Parting
	err := s.db.Change(ctx, now, func(tx sqldb.Conn, b *unit.Unit) error {
		own, err := Whom(ctx, tx, customerID)
		if err != nil {
			return err
		}
		m, err := mergeOf(ctx, tx, own, id)
		if err != nil {
			return err
		}
		if err := b.Lock(ctx, []string{own, id}); err != nil {
			return err
		}
		if b.Customers[own] == nil || b.Customers[id] == nil {
			return unit.ErrForgotten
		}
		out = unit.Parting{From: b.Customers[own], To: b.Customers[id], IDs: []string{id}, Moved: map[string]int64{}}
		if out.From.Merged != "" { // meanwhile
			return sqldb.ErrAgain
		}
		redirects, err := under(ctx, tx, id, &out.IDs)
		if err != nil {
			return err
		}
		*unit.State[splitting](b) = splitting{m, redirects}
		for _, hook := range b.Units.Hooks.OnSplit {
			if err := hook(ctx, b, &out); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// splitting is this room's part of a unit that undoes a merge.
type splitting struct {
	merge     *mergeRow
	redirects []string // the ids that had been merged into the one that is split off
}

// mergeOf returns the merge of id into a customer, or an InputError.
func mergeOf(ctx context.Context, tx sqldb.Conn, own, id string) (*mergeRow, error) {
	found, err := merges(ctx, tx, `m.gone = $1`, id)
	if err != nil {
		return nil, err
	}
	var others []string
	for _, m := range found {
		if m.survivor == own {
			return m, nil
		}
		others = append(others, m.survivor)
	}
	if len(others) == 0 {
		return nil, sqldb.InputError(
			fmt.Sprintf("%q was never merged into %q: give an id that its page lists under \"also known as\"", id, own),
		)
	}
	return nil, sqldb.InputError(fmt.Sprintf(
		"%q was merged into %q and not into %q itself: split that one first, or give it as the customer", id,
		strings.Join(others, `", "`), own))
}

// under collects the ids that had become part of id, and returns those that still lead where id leads.
func under(ctx context.Context, tx sqldb.Conn, id string, ids *[]string) (redirects []string, err error) {
	for next := []string{id}; len(next) > 0; next = next[1:] {
		below, err := merges(ctx, tx, `m.survivor = $1`, next[0])
		if err != nil {
			return nil, err
		}
		for _, m := range below {
			if !slices.Contains(*ids, m.gone) {
				*ids, next, redirects = append(*ids, m.gone), append(next, m.gone), append(redirects, m.gone)
			}
		}
	}
	return redirects, nil
}

// SplitEvents is the first OnSplit hook of this room: it moves the events.
func SplitEvents(ctx context.Context, b *unit.Unit, s *unit.Parting) error {
	return s.Move(ctx, b, "events", `update events set customer = $1 where customer = $2 and origin in (%s)`, s.IDs)
}

// profileEvents are the events that change profiles.
var profileEvents = []string{event.CustomerUpdated, event.GroupJoined, event.Unsubscribed, event.MarketingOptedIn, event.EmailMarkedAsSpam,
	event.ChannelFollowed}

// patchOf returns what a stored event changed in the profile; both is set if it is a refusal, which counts for both.
func patchOf(ev *Event) (patch map[string]any, both bool) {
	switch {
	case strings.HasPrefix(ev.ID, event.MergePrefix):
		return nil, false
	case ev.Name == event.CustomerUpdated:
		return ev.Properties, false
	case ev.Name == event.GroupJoined:
		id, _ := ev.Properties["group_id"].(string)
		group := maps.Clone(ev.Properties)
		delete(group, "group_id")
		return map[string]any{"groups": map[string]any{id: group}}, false
	}
	return consequence(ev.Name, ev.Properties), ev.Name != event.MarketingOptedIn && ev.Name != event.ChannelFollowed
}

// webVisits returns, of merges, those by calls of web keys, by the ids that each of them joined.
func webVisits(ctx context.Context, tx sqldb.Conn, list []*mergeRow) (map[string]*mergeRow, error) {
	out := map[string]*mergeRow{}
	for _, m := range list {
		if m.web == 0 {
			continue
		}
		ids := []string{m.gone}
		if _, err := under(ctx, tx, m.gone, &ids); err != nil {
			return nil, err
		}
		for _, id := range ids {
			out[id] = m
		}
	}
	return out, nil
}

// SplitProfiles is the second OnSplit hook of this room: it computes both profiles as if the merge had not been, and redirects
// what had been merged into the id that is split off.
func SplitProfiles(ctx context.Context, b *unit.Unit, s *unit.Parting) error {
	m, redirects := unit.State[splitting](b).merge, unit.State[splitting](b).redirects
	from, to := s.From, s.To
	type change struct {
		at, n int64
		apply func() error
	}
	var changes []change
	from.Traits, from.Created, from.Draw = m.survivorTraits, m.survivorCreated, m.survivorDraw
	to.Traits, to.Created, to.Draw, to.Merged, to.Stored = m.goneTraits, m.goneCreated, m.goneDraw, "", map[string]any{}
	if hasDevices(from.Traits) || hasDevices(to.Traits) { // whose they are, is not known: they belong to whoever has them
		if err := moveDevices(ctx, b, from.ID, ""); err != nil {
			return err
		}
	}
	later, err := merges(ctx, b.Tx, `m.survivor = $1`, from.ID)
	if err != nil {
		return err
	}
	private, err := webVisits(ctx, b.Tx, later)
	if err != nil {
		return err
	}
	for _, p := range []*unit.LockedCustomer{from, to} {
		events, err := EventsNamed(ctx, b.Tx, p.ID, profileEvents)
		if err != nil {
			return err
		}
		for _, ev := range events {
			if !m.before(ev.Received, int64(ev.N)) {
				continue
			}
			changes = append(changes, change{ev.Received, int64(ev.N), func() error {
				patch, both := patchOf(ev)
				if merge := private[ev.Origin]; p == from && merge != nil && !merge.before(ev.Received, int64(ev.N)) {
					patch, _ = unprotected(b, patch) // it did not follow then either
				}
				for _, one := range []*unit.LockedCustomer{from, to} {
					if one != p && !both {
						continue
					}
					var err error
					if one.Traits, _, _, err = applyPatch(ctx, b, one.Traits, patch); err != nil {
						return err
					}
				}
				return nil
			}})
		}
		p.Dirty = true
	}
	for _, one := range later {
		if one.gone == to.ID || !m.before(one.at, one.n) {
			continue
		}
		changes = append(changes, change{one.at, one.n, func() error {
			traits := one.goneTraits
			if one.web == 1 {
				traits, _ = unprotected(b, traits)
			}
			from.Traits, _ = joinTraits(from.Traits, traits)
			if one.goneCreated < from.Created {
				from.Created, from.Draw = one.goneCreated, one.goneDraw
			}
			return nil
		}})
	}
	slices.SortStableFunc(changes, func(a, b change) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.n, b.n)) })
	for _, c := range changes {
		if err := c.apply(); err != nil {
			return err
		}
	}
	for _, p := range []*unit.LockedCustomer{from, to} {
		if _, err := b.Tx.ExecContext(ctx, `update customers set merged_into = '', created_at = $2, draw_id = $3 where id = $1`,
			p.ID, p.Created, p.Draw); err != nil {
			return err
		}
	}
	for _, id := range redirects { // those that were identified as others meanwhile stay with them
		if _, err := b.Tx.ExecContext(ctx, `update customers set merged_into = $2 where id = $1 and merged_into = $3`, id, to.ID,
			from.ID); err != nil {
			return err
		}
	}
	_, err = b.Tx.ExecContext(ctx, `delete from merges where gone = $1 and survivor = $2`, m.gone, m.survivor)
	return err
}
