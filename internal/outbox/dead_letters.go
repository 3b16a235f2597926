package outbox

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// A DeadLetter is a delivery that Temporal, or the enrollment's workflow, refused for good.
type DeadLetter struct {
	Enrollment, WorkflowID, Journey, Customer string
	Seq                                       int64
	Kind                                      string // DeadLetterStart, DeadLetterEvent or DeadLetterOrder
	Event                                     string // the event's id; for an order, the order's kind
	Name                                      string // the event's name
	Error                                     string
	Attempts                                  int
	At                                        time.Time // virtual
}

// Kinds of dead letters.
const (
	DeadLetterStart = "start"
	DeadLetterEvent = "event"
	DeadLetterOrder = "order"
)

// DeadLetterFilter narrows DeadLetters. Empty fields do not filter.
type DeadLetterFilter struct {
	WorkflowID string
	After      string // with AfterSeq: the last dead letter of the previous page
	AfterSeq   int64
	Limit      int // default 100, max 1000
}

// frozen is the due_at of an enrollment whose start is a dead letter: nothing can be delivered before its workflow exists.
const frozen = math.MaxInt64

// SetAside makes delivery seq of a lease a dead letter and releases the lease, so that the deliveries after it continue.
// Everything before seq must have been delivered. A start is different: nothing after it can be delivered, so the whole
// queue waits until the start is retried or dropped. SetAside returns ErrSuperseded if the lease was lost. Retention
// deletes dead letters whose enrollment has closed.
func (s *Room) SetAside(ctx context.Context, now time.Time, l Lease, seq int64, cause string) error {
	return s.db.Write(ctx, func(tx sqldb.Conn) error {
		held, err := s.enrollments.Holds(ctx, tx, l.Enrollment.ID, l.Token, seq)
		if err == nil && !held {
			err = unit.ErrSuperseded
		}
		if err != nil {
			return err
		}
		cause = sqldb.Clean(cause[:min(len(cause), MaxCause)])
		if _, err := tx.ExecContext(ctx, `insert into dead_letters (enrollment, seq, kind, event, body, at, error, attempts, set_at)
			select d.enrollment, d.seq, d.kind, d.event, d.body, d.at, cast($3 as text), e.attempts + 1, cast($4 as bigint)
			from outbox d join enrollment_queues e on e.id = d.enrollment where d.enrollment = $1 and d.seq = $2
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
			return s.enrollments.Stop(ctx, tx, l.Enrollment.ID, cause, frozen)
		}
		return s.markDelivered(ctx, tx, l.Enrollment.ID, seq, l.Token, l.at)
	})
}

// DeadLetters lists the dead letters of enrollments that are not closed, by enrollment and order of arrival.
func (s *Room) DeadLetters(ctx context.Context, f DeadLetterFilter) ([]DeadLetter, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = 100
	}
	ids, err := customer.WorkflowIDs(ctx, s.db.Reader, f.WorkflowID)
	if err != nil {
		return nil, sqldb.DatabaseError(err)
	}
	for len(ids) < 3 {
		ids = append(ids, ids[0])
	}
	var out []DeadLetter
	err = sqldb.Rows(ctx, s.db.Reader, func(r *sql.Rows) error {
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
		from dead_letters a join enrollment_states e on e.id = a.enrollment left join event_log v on v.id = a.event
		where e.state <> 'closed' and (cast($1 as text) = '' or e.workflow_id in ($1, $5, $6))
		and (a.enrollment > $2 or a.enrollment = $2 and a.seq > $3)
		order by a.enrollment, a.seq limit $4`, ids[0], sqldb.Clean(f.After), f.AfterSeq, min(limit, 1000), ids[1], ids[2])
	return out, sqldb.DatabaseError(err)
}

// RetryDeadLetters puts dead letters back into the outbox: a start at the head of its queue, anything else at the end, as
// if it arrived now. With drop it discards them instead: an event is skipped, and an enrollment that could not be started
// ends as failed. It returns how many it changed; dead letters that no longer exist do not count.
func (s *Room) RetryDeadLetters(ctx context.Context, now time.Time, list []DeadLetter, drop bool) (int, error) {
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

func (s *Room) retryDeadLetter(ctx context.Context, b *unit.Unit, a DeadLetter, drop bool) error {
	e, p, err := s.db.LockEnrollment(ctx, b.Tx, a.Enrollment)
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
		return s.enrollments.CloseUnstarted(ctx, b, own)
	case kind == DeliverStart:
		return s.enrollments.Restart(ctx, b.Tx, e.ID)
	case drop:
		return nil
	}
	Enqueue(b, own, kind, event, body, sqldb.Millis(b.Now))
	return nil
}
