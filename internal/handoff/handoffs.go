package handoff

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Room keeps the queue of customers who wait for an agent or are with one.
type Room struct{ db *unit.Units }

// New returns the room.
func New(db *unit.Units) *Room { return &Room{db: db} }

const handoffQuery = `select h.id, h.enrollment, e.workflow_id, h.journey, h.step, h.customer, h.queue, h.priority, h.note, h.outcomes,
h.state, h.agent, h.outcome, h.agent_note, h.reason,
	h.opened_at, h.claimed_at, h.closed_at, h.until_at, h.acts from handoffs h join enrollment_states e on e.id = h.enrollment`

func scanHandoff(r sqldb.Scanner) (Handoff, error) {
	var h Handoff
	var priority int
	var outcomes, acts string
	var opened, claimed, closed, until int64
	err := r.Scan(
		&h.ID,
		&h.Enrollment,
		&h.WorkflowID,
		&h.Journey,
		&h.Step,
		&h.Customer,
		&h.Queue,
		&priority,
		&h.Note,
		&outcomes,
		&h.State,
		&h.Agent,
		&h.Outcome,
		&h.AgentNote,
		&h.Reason,
		&opened,
		&claimed,
		&closed,
		&until,
		&acts,
	)
	if err != nil {
		return h, err
	}
	if priority >= 0 && priority < len(journey.Priorities) {
		h.Priority = journey.Priorities[priority]
	}
	h.OpenedAt, h.ClaimedAt, h.ClosedAt, h.Until = sqldb.Moment(opened), sqldb.Moment(claimed), sqldb.Moment(closed), sqldb.Moment(until)
	if acts != "[]" {
		if err := json.Unmarshal([]byte(acts), &h.Acts); err != nil {
			return h, err
		}
	}
	return h, json.Unmarshal([]byte(outcomes), &h.Outcomes)
}

// Open creates a hand-off with a rendered note. It is idempotent by id and claims the enrollment.
func (s *Room) Open(ctx context.Context, now time.Time, in contract.OpenHandoff, note string) error {
	return s.db.Write(ctx, func(tx sqldb.Conn) error {
		e, p, err := s.db.Claimed(ctx, tx, in.Enrollment, in.Chain)
		if unit.Replayed(e, in.Chain, err) {
			if opened, failed := sqldb.Exists(ctx, tx, `select 1 from handoffs where id = $1`, in.ID); failed != nil || opened {
				return failed
			}
		}
		if err != nil {
			return err
		}
		outcomes, err := sqldb.JSONText(append([]string{}, slices.Sorted(maps.Keys(in.Spec.Outcomes))...))
		if err != nil {
			return err
		}
		priority := slices.Index(journey.Priorities, cmp.Or(in.Spec.Priority, "normal"))
		if priority < 0 {
			priority = slices.Index(journey.Priorities, "normal")
		}
		_, err = tx.ExecContext(
			ctx,
			`insert into handoffs (id, enrollment, journey, step, customer, queue, priority, note, outcomes, state, opened_at, until_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict (id) do nothing`,
			in.ID,
			e.ID,
			e.Journey,
			in.Step,
			p.ID,
			in.Spec.Queue,
			priority,
			sqldb.Clean(note),
			outcomes,
			HandoffOpen,
			sqldb.Millis(now),
			sqldb.Millis(in.Until),
		)
		return err
	})
}

// Withdraw withdraws a hand-off that is still open or claimed. It claims the enrollment; if the same run has ended
// it before, its hand-offs are already withdrawn.
func (s *Room) Withdraw(ctx context.Context, now time.Time, in contract.WithdrawHandoff) error {
	return s.db.Write(ctx, func(tx sqldb.Conn) error {
		e, _, err := s.db.LockEnrollment(ctx, tx, in.Enrollment)
		if errors.Is(err, sqldb.ErrNotFound) {
			return unit.ErrSuperseded
		}
		if err != nil || e.State == unit.StateClosed && e.Chain == in.Chain {
			return err
		}
		if err := s.db.Claim(ctx, tx, e.ID, in.Chain); err != nil {
			return err
		}
		_, err = tx.ExecContext(
			ctx,
			`update handoffs set state = 'withdrawn', reason = $3, closed_at = $4 where id = $1 and enrollment = $2 and state in ('open',
			'claimed')`,
			in.ID,
			e.ID,
			sqldb.Clean(in.Reason),
			sqldb.Millis(now),
		)
		return err
	})
}

// List lists hand-offs by priority, the most urgent first, and then by age, the oldest first.
func (s *Room) List(ctx context.Context, f Filter) ([]Handoff, error) {
	var out []Handoff
	err := customer.ReadOf(ctx, s.db, f.Customer, func(tx sqldb.Conn, customerID string) error {
		w := sqldb.Where{}
		if f.State == "" {
			w.Raw("h.state in ('open', 'claimed')")
		}
		w.Equals("h.state", f.State)
		w.Equals("h.queue", f.Queue)
		if len(f.Queues) > 0 {
			w.In("h.queue", f.Queues)
		}
		w.Equals("h.customer", customerID)
		query := handoffQuery + w.SQL() + ` order by h.priority desc, h.opened_at, h.id limit ` + w.Param(sqldb.Bounded(f.Limit))
		return sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
			h, err := scanHandoff(r)
			out = append(out, h)
			return err
		}, query, w.Args...)
	})
	return out, err
}

// Get returns a hand-off, or ErrNotFound.
func (s *Room) Get(ctx context.Context, id string) (Handoff, error) {
	h, err := handoff(ctx, s.db.Reader, id)
	return h, sqldb.DatabaseError(err)
}

func handoff(ctx context.Context, tx sqldb.Conn, id string) (Handoff, error) {
	h, err := scanHandoff(tx.QueryRowContext(ctx, handoffQuery+` where h.id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		err = sqldb.ErrNotFound
	}
	return h, err
}

// Merge moves the hand-offs of gone to survivor.
func Merge(ctx context.Context, b *unit.Unit, gone, survivor *unit.LockedCustomer) error {
	if gone.Unused() {
		return nil
	}
	_, err := b.Tx.ExecContext(ctx, `update handoffs set customer = $2 where customer = $1`, gone.ID, survivor.ID)
	return err
}

// Split moves the hand-offs of the enrollments that moved.
func Split(ctx context.Context, b *unit.Unit, s *unit.Parting) error {
	return s.Move(ctx, b, "handoffs", `update handoffs set customer = $1 where customer = $2 and
		enrollment in (select id from enrollment_states where customer = $1)`, nil)
}

// RenameStep moves the hand-offs of an enrollment that are open or claimed from one step to another.
func RenameStep(ctx context.Context, tx sqldb.Conn, enrollmentID, from, to string) error {
	_, err := tx.ExecContext(
		ctx,
		`update handoffs set step = $3 where enrollment = $1 and step = $2 and state in ('open', 'claimed')`,
		enrollmentID,
		from,
		to,
	)
	return err
}

// AgentActive reports whether the customer waits for an agent, or is with one, in an open enrollment.
func AgentActive(ctx context.Context, tx sqldb.Conn, customerID string) (bool, error) {
	return sqldb.Exists(ctx, tx, `select 1 from handoffs h join enrollment_states e on e.id = h.enrollment
		where h.customer = $1 and h.state in ('open', 'claimed') and e.state <> 'closed' limit 1`, customerID)
}

// OnClose withdraws the hand-offs of an enrollment that ends.
var OnClose = unit.Holder{Holds: heldHandoffs, Release: release}

const heldHandoffs = `select 1 from handoffs where enrollment = $1 and state in ('open', 'claimed')`

func release(ctx context.Context, b *unit.Unit, e *unit.EnrollmentRow, outcome string, at time.Time) error {
	_, err := b.Tx.ExecContext(ctx, `update handoffs set state = 'withdrawn', reason = $2, closed_at = $3
		where enrollment = $1 and state in ('open', 'claimed')`, e.ID, "its journey ended: "+outcome, sqldb.Millis(at))
	return err
}

// Reopen opens a hand-off again that was withdrawn because its enrollment was closed by mistake. Nothing happens if there
// is none with this id, or if it is not withdrawn.
func Reopen(ctx context.Context, tx sqldb.Conn, id string) error {
	_, err := tx.ExecContext(ctx, `update handoffs set state = 'open', reason = '', agent = '', claimed_at = 0, closed_at = 0
		where id = $1 and state = 'withdrawn'`, id)
	return err
}
