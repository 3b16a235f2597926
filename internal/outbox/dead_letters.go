package outbox

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// DeadLetter is a delivery that was set aside: Temporal or its instance refuses it for good.
type DeadLetter struct {
	Enrollment, WorkflowID, Journey, Customer string
	Seq                                       int64
	Kind                                      string // start, event or order
	Event                                     string // id; of an order, the order's kind
	Name                                      string // of the event
	Error                                     string
	Attempts                                  int
	At                                        time.Time // virtual
}

// Kinds of an Aside.
const (
	DeadLetterStart = "start"
	DeadLetterEvent = "event"
	DeadLetterOrder = "order"
)

// DeadLetterFilter narrows Asides; empty fields do not.
type DeadLetterFilter struct {
	WorkflowID string
	After      string // enrollment and seq of the last of the page before
	AfterSeq   int64
	Limit      int // default 100, max 1000
}

// frozen is the due_at of an enrollment whose start was set aside: nothing else can be brought to it.
const frozen = math.MaxInt64

// SetAside takes a delivery of a lease out of its queue, so that those behind it go on; everything before it
// must have been brought. Behind a start nothing can: the whole queue waits until it is retried. ErrNotMine
// where the lease was lost. What was set aside goes with its instance's end. The lease goes back with it.
func (s *OutboxRoom) SetAside(ctx context.Context, now time.Time, l Lease, seq int64, cause string) error {
	return s.db.Write(ctx, func(tx sqldb.Conn) error {
		held, err := sqldb.Exists(
			ctx,
			tx,
			`select 1 from enrollments where id = $1 and lease_token = $2 and next_seq <= $3 and state <> 'closed'`,
			l.Enrollment.ID,
			l.Token,
			seq,
		)
		if err == nil && !held {
			err = unit.ErrSuperseded
		}
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `delete from dead_letters where enrollment in (select id from enrollments where state =
		'closed')`); err != nil {
			return err
		}
		cause = sqldb.Clean(cause[:min(len(cause), MaxCause)])
		if _, err := tx.ExecContext(ctx, `insert into dead_letters (enrollment, seq, kind, event, body, at, error, attempts, set_at)
			select d.enrollment, d.seq, d.kind, d.event, d.body, d.at, cast($3 as text), e.attempts + 1, cast($4 as bigint)
			from outbox d join enrollments e on e.id = d.enrollment where d.enrollment = $1 and d.seq = $2
			on conflict (enrollment, seq) do update set error = excluded.error, attempts = excluded.attempts, set_at = excluded.set_at`,
			l.Enrollment.ID, seq, cause, sqldb.Millis(now)); err != nil {
			return err
		}
		started, err := sqldb.Exists(
			ctx,
			tx,
			`select 1 from outbox where enrollment = $1 and seq = $2 and kind = $3`,
			l.Enrollment.ID,
			seq,
			DeliverStart,
		)
		if err != nil {
			return err
		}
		if started {
			_, err := tx.ExecContext(
				ctx,
				`update enrollments set due_at = $2, attempts = attempts + 1, last_error = $3, lease_until = 0 where id = $1`,
				l.Enrollment.ID,
				int64(frozen),
				cause,
			)
			return err
		}
		return markDelivered(ctx, tx, l.Enrollment.ID, seq, l.Token, l.at)
	})
}

// DeadLetters lists what is set aside of instances that are not closed, by enrollment and order of arrival.
func (s *OutboxRoom) DeadLetters(ctx context.Context, f DeadLetterFilter) ([]DeadLetter, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = 100
	}
	var out []DeadLetter
	err := sqldb.Rows(ctx, s.db.Reader, func(r *sql.Rows) error {
		var a DeadLetter
		var kind, body string
		var at int64
		if err := r.Scan(&a.Enrollment, &a.WorkflowID, &a.Journey, &a.Customer, &a.Seq, &kind, &a.Event, &body, &a.Name, &a.Error,
			&a.Attempts, &at); err != nil {
			return err
		}
		a.At, a.Kind = sqldb.Moment(at), DeadLetterEvent
		switch kind {
		case DeliverStart:
			a.Kind = DeadLetterStart
		case deliverMessage:
			a.Kind, a.Name = DeadLetterOrder, ""
		}
		out = append(out, a)
		return nil
	}, `select a.enrollment, e.workflow_id, e.journey, e.customer, a.seq, a.kind, a.event, a.body, coalesce(v.name, ''), a.error,
	a.attempts, a.set_at
		from dead_letters a join enrollments e on e.id = a.enrollment left join events v on v.id = a.event
		where e.state <> 'closed' and (cast($1 as text) = '' or e.workflow_id = $1) and (a.enrollment > $2 or a.enrollment = $2 and a.seq
		> $3)
		order by a.enrollment, a.seq limit $4`, sqldb.Clean(f.WorkflowID), sqldb.Clean(f.After), f.AfterSeq, min(limit, 1000))
	return out, sqldb.DatabaseError(err)
}

// RetryDeadLetters puts what is set aside back: a start at the head of its queue, anything else at the end of it, as
// if it arrived now. With drop it is given up instead: an event is left out, and an instance that could not be
// started ends as failed. It reports how many; those that went meanwhile are none.
func (s *OutboxRoom) RetryDeadLetters(ctx context.Context, now time.Time, list []DeadLetter, drop bool) (int, error) {
	n := 0
	for _, a := range list {
		err := s.db.Change(ctx, now, func(tx sqldb.Conn, b *unit.Unit) error { return s.retryDeadLetter(ctx, b, a, drop) })
		switch {
		case errors.Is(err, sqldb.ErrNotFound):
		case err != nil:
			return n, err
		default:
			n++
		}
	}
	if n > 0 {
		s.db.Wake()
	}
	return n, nil
}

func (s *OutboxRoom) retryDeadLetter(ctx context.Context, b *unit.Unit, a DeadLetter, drop bool) error {
	e, p, err := unit.LockEnrollment(ctx, b.Tx, a.Enrollment)
	if err != nil {
		return err
	}
	if e.State == unit.StateClosed {
		return sqldb.ErrNotFound
	}
	if err := b.Adopt(ctx, p); err != nil {
		return err
	}
	var kind, event, body string
	err = b.Tx.QueryRowContext(ctx, `delete from dead_letters where enrollment = $1 and seq = $2 returning kind, event, body`,
		a.Enrollment, a.Seq).
		Scan(&kind, &event, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return sqldb.ErrNotFound
	}
	if err != nil {
		return err
	}
	own := b.Enrollment(e)
	switch {
	case kind == DeliverStart && drop:
		return s.onDropped(ctx, b, own)
	case kind == DeliverStart:
		_, err := b.Tx.ExecContext(ctx, `update enrollments set due_at = 0, attempts = 0, last_error = '' where id = $1`, e.ID)
		return err
	case drop:
		return nil
	}
	Enqueue(b, own, kind, event, body, sqldb.Millis(b.Now))
	return nil
}
