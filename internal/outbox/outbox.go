package outbox

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Room holds the deliveries that are committed and have not reached their Temporal run yet.
type Room struct {
	db          *unit.Units
	enrollments Queues
	Leased      atomic.Int64 // number of calls of Lease, for fairness (see due)
}

// Queues are the statements about enrollments that the outbox needs: the ends and the lease of a queue are columns of the
// enrollment. The room enrollment implements it. See docs/decisions/0014.
// Times are Unix milliseconds of the wall clock. Advance, Release and Fail return ErrSuperseded if the lease has another
// token now.
type Queues interface {
	// Due returns the ids of at most limit enrollments with a queue that is not leased, has a due_at from from to now and
	// fewer failed attempts than failures, in the order in which they are served. See due.
	Due(ctx context.Context, tx sqldb.Conn, from, now int64, failures, limit int) ([]string, error)
	// Lease leases those of the enrollments that are still due, until a time, and returns them with their new tokens.
	Lease(ctx context.Context, tx sqldb.Conn, ids []string, now, until int64) ([]*unit.EnrollmentRow, error)
	// Holds reports whether a lease is held and delivery seq of the open enrollment is not done.
	Holds(ctx context.Context, tx sqldb.Conn, id string, token, seq int64) (bool, error)
	// Advance marks everything up to seq as done and returns the lease. Remaining deliveries are due at due.
	Advance(ctx context.Context, tx sqldb.Conn, id string, token, seq, due int64) error
	// Release returns the lease.
	Release(ctx context.Context, tx sqldb.Conn, id string, token int64) error
	// Fail counts a failed attempt and returns the lease. The next attempt is due at due.
	Fail(ctx context.Context, tx sqldb.Conn, id string, token int64, cause string, due int64) error
	// Stop counts a failed attempt and ends any lease. The next attempt is due at due, or after Restart.
	Stop(ctx context.Context, tx sqldb.Conn, id, cause string, due int64) error
	// Shorten ends any lease, and makes last the last delivery of the queue.
	Shorten(ctx context.Context, tx sqldb.Conn, id string, last int64) error
	// Restart makes the next attempt due now.
	Restart(ctx context.Context, tx sqldb.Conn, id string) error
	// EnterDeferred decides a deferred entry that has reached the head of its queue.
	EnterDeferred(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, event, body string, at int64) error
	// CloseUnstarted closes an enrollment whose start was dropped.
	CloseUnstarted(ctx context.Context, b *unit.Unit, e *unit.EnrollmentRow) error
}

// New returns the room.
func New(db *unit.Units, enrollments Queues) *Room { return &Room{db: db, enrollments: enrollments} }

// LeaseDeliveries is the maximum number of deliveries in a lease.
const LeaseDeliveries = 50

// unreadable is the delay before an enrollment is tried again whose deliveries cannot be built (its revision
// does not load).
const unreadable = time.Minute

// Lease leases at most limit enrollments with due deliveries for ttl (wall time), each with at most LeaseDeliveries of
// its queue. The order is that of due: new deliveries oldest first, then customers with many waiting enrollments, then
// enrollments that were served or failed before. Deferred entries at the head of a queue are decided here; they produce
// no delivery.
//
// The invariant: at any time at most one relay may mark deliveries of an enrollment as done, and the deliveries of an
// enrollment reach its run in the order of seq. Three columns of enrollments carry it:
//
//	next_seq, last_seq  the queue: the first delivery that is not done, and the last one written
//	lease_until         the wall time until which other relays leave the queue alone
//	lease_token         a fencing number: each lease increments it, and each later write of the lease compares it
//
// Example: relay A leases with token 7, delivers seq 1 and 2, and then stops for longer than ttl. Relay B
// leases the same enrollment with token 8 and delivers 1, 2 and 3; the run drops the repeated 1 and 2 by their
// ids. When A continues, its Delivered(2) matches no row with token 7 and it gets ErrSuperseded. Without the
// token A would set lease_until to 0 and so release B's lease, and a third relay would deliver in parallel with
// B, out of order.
//
// Delivery is therefore at least once, in order, and the run removes duplicates. See docs/decisions/0010.
func (s *Room) Lease(ctx context.Context, wall time.Time, limit int, ttl time.Duration) ([]Lease, error) {
	return s.lease(ctx, wall, limit, ttl, math.MaxInt32)
}

// failing is how many failed attempts in a row LeaseSteady passes over. Less may be a short outage.
const failing = 3

// LeaseSteady is Lease without the enrollments whose first delivery has failed three times or more.
func (s *Room) LeaseSteady(ctx context.Context, wall time.Time, limit int, ttl time.Duration) ([]Lease, error) {
	return s.lease(ctx, wall, limit, ttl, failing)
}

func (s *Room) lease(ctx context.Context, wall time.Time, limit int, ttl time.Duration, failures int) ([]Lease, error) {
	now := sqldb.Millis(wall)
	ids, err := s.due(ctx, now, failures, limit)
	if err != nil || len(ids) == 0 {
		return nil, sqldb.DatabaseError(err)
	}
	order := slices.Clone(ids)
	var leases []Lease
	var decide, failed []Lease
	err = s.db.Write(ctx, func(tx sqldb.Conn) error {
		leases, decide, failed = nil, nil, nil
		held := map[string]*unit.EnrollmentRow{}
		leased, err := s.enrollments.Lease(ctx, tx, sqldb.Sorted(ids), now, sqldb.Millis(wall.Add(ttl)))
		if err != nil || len(leased) == 0 {
			return err
		}
		var mine []string
		for _, e := range leased {
			held[e.ID] = e
			mine = append(mine, e.ID)
		}
		queues, err := s.queues(ctx, tx, mine)
		if err != nil {
			return err
		}
		clock, err := sqldb.ClockOf(ctx, tx)
		if err != nil {
			return err
		}
		for _, id := range order {
			e := held[id]
			if e == nil {
				continue
			}
			l := Lease{Enrollment: e.Enrollment, Token: e.Token, Attempts: e.Attempts, at: now}
			if q := queues[id]; len(q) > 0 && q[0].kind == DeliverEntry {
				decide = append(decide, l)
				continue
			}
			if l.Deliveries, err = s.deliveries(ctx, tx, e, queues[id], clock); err != nil {
				if sqldb.Transient(err) || ctx.Err() != nil {
					return err
				}
				failed = append(failed, l)
				continue
			}
			leases = append(leases, l)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, l := range failed {
		if err := s.ReleaseLease(ctx, l, "its deliveries cannot be read: its journey's revision does not load in this build",
			wall.Add(unreadable)); err != nil &&
			!errors.Is(err, unit.ErrSuperseded) {
			return nil, err
		}
	}
	for _, l := range decide {
		if err := s.decideEntries(ctx, l, clockTime(ctx, s.db, wall)); err != nil && !errors.Is(err, unit.ErrSuperseded) {
			return nil, err
		}
	}
	return leases, nil
}

// clockTime returns the virtual time of a wall time, or wall itself if the clock cannot be read.
func clockTime(ctx context.Context, s *unit.Units, wall time.Time) time.Time {
	c, err := s.Clock(ctx)
	if err != nil {
		return wall
	}
	return c.At(wall)
}

// Kinds of deliveries.
const (
	DeliverStart   = "start"
	DeliverEvent   = "event" // an event of the customer: body holds the traits it changed
	deliverMessage = "message"
	DeliverEntry   = "entry" // a deferred entry: nothing to deliver
)

// newEntries collects the outbox rows of a unit.
type newEntries struct{ rows [][]any }

// Enqueue appends a delivery to an enrollment's queue; the unit writes it when it is flushed.
func Enqueue(b *unit.Unit, e *unit.EnrollmentRow, kind, event, body string, at int64) {
	if !e.Pending() {
		e.QueuedAt = at
	}
	e.Tail++
	s := unit.State[newEntries](b)
	s.rows = append(s.rows, []any{e.ID, e.Tail, kind, event, body, at, b.Trace})
	if !e.Fresh {
		b.Touched[e.ID] = e
	}
	b.Wake = true
}

// Flush is the unit's Flush hook of this room.
func Flush(ctx context.Context, b *unit.Unit) error {
	s := unit.State[newEntries](b)
	_, err := sqldb.Insert(ctx, b.Tx, "outbox (enrollment, seq, kind, event, body, at, trace)", s.rows, "")
	s.rows = nil
	return err
}

// OldestAfter is a query for the earliest time of the deliveries of enrollment $1 after seq $2.
const OldestAfter = `select min(d.at) from outbox d where d.enrollment = $1 and d.seq > $2`

// decideEntries decides the deferred entries at the head of an enrollment's queue: the customer enters if the
// enrollment that blocked the entry is no longer open.
func (s *Room) decideEntries(ctx context.Context, l Lease, now time.Time) error {
	err := s.db.Change(ctx, now, func(tx sqldb.Conn, b *unit.Unit) error {
		e, p, err := s.db.LockEnrollment(ctx, tx, l.Enrollment.ID)
		if err != nil {
			return err
		}
		if e.Token != l.Token || e.State == unit.StateClosed {
			return unit.ErrSuperseded
		}
		if err := b.Adopt(ctx, p); err != nil {
			return err
		}
		own := b.Enrollment(e)
		queues, err := s.queues(ctx, tx, []string{e.ID})
		if err != nil {
			return err
		}
		for _, q := range queues[e.ID] {
			if q.kind != DeliverEntry {
				break
			}
			if err := s.markDelivered(ctx, tx, e.ID, q.seq, l.Token, unit.LaneFresh); err != nil {
				return err
			}
			own.Head = q.seq + 1
			if own.State == unit.StateOpen {
				continue // still blocks the entry
			}
			if err := s.enrollments.EnterDeferred(ctx, b, p, q.Event, q.Body, q.At); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.db.Wake() // the deliveries after it are due now
	}
	return err
}

// markDelivered marks everything up to seq as done and returns the lease. Remaining deliveries count as served at turn.
func (s *Room) markDelivered(ctx context.Context, tx sqldb.Conn, id string, seq, token, turn int64) error {
	if err := s.enrollments.Advance(ctx, tx, id, token, seq, turn); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `delete from outbox where enrollment = $1 and seq <= $2`, id, seq)
	return err
}

// Delivered marks the deliveries up to seq as done and releases the lease. It returns ErrSuperseded if the
// lease was lost.
func (s *Room) Delivered(ctx context.Context, l Lease, seq int64) error {
	return s.db.Write(ctx, func(tx sqldb.Conn) error {
		err := s.markDelivered(ctx, tx, l.Enrollment.ID, seq, l.Token, l.at)
		if !errors.Is(err, unit.ErrSuperseded) {
			return err
		}
		// Already done, or dropped because the enrollment has ended. Both are fine if the lease is still ours.
		return s.enrollments.Release(ctx, tx, l.Enrollment.ID, l.Token)
	})
}

// MaxCause is the maximum length of a stored failure reason, in bytes.
const MaxCause = 500

// ReleaseLease releases a lease without marking anything as done. With a cause it counts a failed attempt, and
// the first delivery is retried at retry (wall time). It returns ErrSuperseded if the lease was lost.
func (s *Room) ReleaseLease(ctx context.Context, l Lease, cause string, retry time.Time) error {
	return s.db.Write(ctx, func(tx sqldb.Conn) error {
		if cause == "" {
			return s.enrollments.Release(ctx, tx, l.Enrollment.ID, l.Token)
		}
		cause = sqldb.Clean(cause[:min(len(cause), MaxCause)])
		return s.enrollments.Fail(ctx, tx, l.Enrollment.ID, l.Token, cause, sqldb.Millis(retry))
	})
}

// EnqueueMessage appends a delivery that is not an event of the customer, such as an order.
func EnqueueMessage(b *unit.Unit, e *unit.EnrollmentRow, m contract.Delivery) error {
	body, err := sqldb.JSONText(m)
	if err == nil {
		Enqueue(b, e, deliverMessage, m.ID, body, sqldb.Millis(b.Now))
	}
	return err
}

// DropQueue deletes the deliveries of an enrollment that ends, and returns the deferred entries among them, in order.
func DropQueue(ctx context.Context, b *unit.Unit, e *unit.EnrollmentRow) ([]queued, error) {
	var waiting []queued
	err := sqldb.Rows(ctx, b.Tx, func(r *sql.Rows) error {
		q := queued{}
		err := r.Scan(&q.seq, &q.kind, &q.Event, &q.Body, &q.At)
		if q.kind == DeliverEntry {
			waiting = append(waiting, q)
		}
		return err
	}, `delete from outbox where enrollment = $1 returning seq, kind, event, body, at`, e.ID)
	slices.SortFunc(waiting, func(a, b queued) int { return cmp.Compare(a.seq, b.seq) })
	return waiting, err
}
