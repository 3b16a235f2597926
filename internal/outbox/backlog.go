package outbox

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// A Backlog is what waits for the enrollments of one customer.
type Backlog struct {
	Customer    string
	Entries     int64
	Enrollments int
}

// Backlogs returns the customers for whom most entries wait, at most limit, the largest first.
func (s *Room) Backlogs(ctx context.Context, limit int) ([]Backlog, error) {
	var out []Backlog
	err := sqldb.Rows(ctx, s.db.Reader, func(r *sql.Rows) error {
		var one Backlog
		err := r.Scan(&one.Customer, &one.Entries, &one.Enrollments)
		out = append(out, one)
		return err
	}, `select e.customer, sum(q.last_seq - q.next_seq + 1) as entries, count(*) from enrollment_queues q
		join enrollment_states e on e.id = q.id where q.next_seq <= q.last_seq and e.state <> 'closed'
		group by e.customer order by entries desc, e.customer limit $1`, limit)
	return out, sqldb.DatabaseError(err)
}

// DropBacklog deletes the events that wait for the enrollments of a customer, and the entries that are to be decided after them. Starts
// and commands stay, in their order. It returns what it deleted. A relay that holds a lease of such an enrollment loses it; what it has
// delivered already is delivered. customerID is any id of the customer; it returns ErrNotFound if there is none.
//
// The sequence of a queue has no gaps (see Lease), so what stays is numbered again from the head of its queue.
func (s *Room) DropBacklog(ctx context.Context, now time.Time, customerID string) (Backlog, error) {
	var out Backlog
	err := s.db.Change(ctx, now, func(tx sqldb.Conn, b *unit.Unit) error {
		own, err := customer.Whom(ctx, tx, customerID)
		if err != nil {
			return err
		}
		out = Backlog{Customer: own}
		if err := b.Lock(ctx, []string{own}); err != nil {
			return err
		}
		p := b.Customers[own]
		if p.Merged != "" {
			return sqldb.ErrAgain
		}
		for _, e := range p.Open {
			if !e.Pending() {
				continue
			}
			dropped, err := s.dropEvents(ctx, tx, e)
			if err != nil {
				return err
			}
			if dropped > 0 {
				out.Entries += dropped
				out.Enrollments++
			}
		}
		return nil
	})
	return out, err
}

// dropEvents deletes the events in an enrollment's queue.
func (s *Room) dropEvents(ctx context.Context, tx sqldb.Conn, e *unit.EnrollmentRow) (dropped int64, err error) {
	var kept []queued
	if err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
		q := queued{}
		err := r.Scan(&q.seq, &q.kind, &q.Event, &q.Body, &q.At)
		if q.kind == DeliverStart || q.kind == deliverMessage {
			kept = append(kept, q)
		} else {
			dropped++
		}
		return err
	}, `delete from outbox where enrollment = $1 returning seq, kind, event, body, at`, e.ID); err != nil {
		return 0, err
	}
	slices.SortFunc(kept, func(a, b queued) int { return cmp.Compare(a.seq, b.seq) })
	var rows [][]any
	for i, q := range kept {
		rows = append(rows, []any{e.ID, e.Head + int64(i), q.kind, q.Event, q.Body, q.At})
	}
	if _, err := sqldb.Insert(ctx, tx, "outbox (enrollment, seq, kind, event, body, at)", rows, ""); err != nil {
		return 0, err
	}
	return dropped, s.enrollments.Shorten(ctx, tx, e.ID, e.Head+int64(len(kept))-1)
}
