package customer

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/retention"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Page returns up to limit ids of customers after one, in order, for jobs that walk through all.
func (s *Room) Page(ctx context.Context, after string, limit int) (ids []string, err error) {
	err = sqldb.Rows(ctx, s.db.Reader, func(r *sql.Rows) error {
		var id string
		err := r.Scan(&id)
		ids = append(ids, id)
		return err
	}, `select id from customers where id > $1 order by id limit $2`, after, limit)
	return ids, sqldb.DatabaseError(err)
}

// needed is true for an event e that an open enrollment may still read: its entry event, and whatever its customer did since.
const needed = `exists (select 1 from enrollment_states o where o.customer = e.customer and o.state <> 'closed' and
	(o.entry_event = e.id or o.entered_at <= e.at or o.entered_at <= e.received_at))`

// proofs are the names of event.Proofs in SQL.
var proofs = "'" + strings.Join(event.Proofs, "', '") + "'"

// PruneEvents deletes up to limit events of customers that are older than before, by their own time and that of their arrival, unless an
// open enrollment may read them, they prove a consent, or count() of the current release or of an open enrollment may read them, and
// returns their ids. It also deletes what is known of merges that are as old: without the events, they cannot be undone.
func (s *Room) PruneEvents(ctx context.Context, now, before time.Time, customers []string, limit int) (
	gone []string, err error) {
	rel, err := s.db.Current(ctx, s.db.Reader)
	if err != nil {
		return nil, sqldb.DatabaseError(err)
	}
	back := rel.Lookback().Events
	running := map[string]bool{} // revisions, which may count further back than the current one
	if err := sqldb.Within(ctx, s.db.Reader, `select distinct revision from enrollment_states where state <> 'closed' and customer in
		(%s)`, customers, func(r *sql.Rows) error {
		var revision string
		err := r.Scan(&revision)
		running[revision] = true
		return err
	}); err != nil {
		return nil, sqldb.DatabaseError(err)
	}
	for revision := range running {
		p, err := s.db.Load(ctx, s.db.Reader, revision)
		if err != nil {
			return nil, sqldb.DatabaseError(err)
		}
		back = max(back, catalog.LookbackOf(p))
	}
	cut := sqldb.Millis(catalog.Before(now, before, back))
	if err := sqldb.Within(ctx, s.db.Reader, `select e.id from events e where e.at < $1 and e.received_at < $1 and not `+needed+
		` and e.name not in (`+proofs+`) and e.customer in (%s) limit $2`, customers, func(r *sql.Rows) error {
		var id string
		err := r.Scan(&id)
		if len(gone) < limit {
			gone = append(gone, id)
		}
		return err
	}, cut, limit); err != nil {
		return nil, sqldb.DatabaseError(err)
	}
	merged := false
	if err := sqldb.Within(ctx, s.db.Reader, `select 1 from merges where at < $1 and survivor in (%s)`, customers, func(*sql.Rows) error {
		merged = true
		return nil
	}, cut); err != nil {
		return nil, sqldb.DatabaseError(err)
	}
	if len(gone) == 0 && !merged {
		return nil, nil
	}
	return gone, s.db.Write(ctx, func(tx sqldb.Conn) error {
		if merged {
			_, err := sqldb.AffectedWithin(ctx, tx, `delete from merges where at < $1 and survivor in (%s)`, customers, cut)
			if err != nil {
				return err
			}
		}
		n, err := sqldb.AffectedWithin(ctx, tx, `delete from events where id in (%s)`, gone)
		if err != nil {
			return err
		}
		return retention.AddDeleted(ctx, tx, retention.Deleted{Events: n})
	})
}

// IdleVisitors returns those of some customers who are anonymous and nobody's, came before a time, and did nothing since: no event, no
// enrollment that was entered or ended. One who has an address, a device or a consent stays. Only servers can write those, so the
// visitors that strangers make, in any number, have an end.
func (s *Room) IdleVisitors(ctx context.Context, before time.Time, customers []string) (ids []string, err error) {
	err = sqldb.Within(ctx, s.db.Reader, `select c.id, c.traits from customers c where c.id like '`+event.AnonymousPrefix+`%%' and
		c.merged_into = '' and c.created_at < $1 and not exists
		(select 1 from events e where e.customer = c.id and (e.at >= $1 or e.received_at >= $1)) and not exists
		(select 1 from enrollment_states o where o.customer = c.id and (o.state <> 'closed' or o.entered_at >= $1 or o.closed_at >= $1))
		and c.id in (%s)`,
		customers, func(r *sql.Rows) error {
			var id, raw string
			if err := r.Scan(&id, &raw); err != nil {
				return err
			}
			traits, err := sqldb.Object(raw)
			if err == nil && !s.reachable(traits) {
				ids = append(ids, id)
			}
			return err
		}, sqldb.Millis(before))
	return ids, sqldb.DatabaseError(err)
}

// reachable reports whether traits have a consent, or what a channel sends to.
func (s *Room) reachable(traits map[string]any) bool {
	for name, value := range traits {
		address := func(c channel.Spec) bool { return c.Address == name }
		if value != nil && (ProtectedTraits[name] || slices.ContainsFunc(s.db.Channels, address)) {
			return true
		}
	}
	return false
}
