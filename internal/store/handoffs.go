package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// HandoffRoom are customers who wait for an agent, or are with one.
type HandoffRoom struct{ db *units }

// newHandoffRoom returns the room.
func newHandoffRoom(db *units) *HandoffRoom { return &HandoffRoom{db: db} }

const handoffQuery = `select h.id, h.enrollment, e.workflow_id, h.journey, h.step, h.customer, h.queue, h.priority, h.note, h.outcomes, h.state, h.agent, h.outcome, h.agent_note, h.reason,
	h.opened_at, h.claimed_at, h.closed_at, h.until_at from handoffs h join enrollments e on e.id = h.enrollment`

func scanHandoff(r scanner) (Handoff, error) {
	var h Handoff
	var priority int
	var outcomes string
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
	)
	if err != nil {
		return h, err
	}
	if priority >= 0 && priority < len(journey.Priorities) {
		h.Priority = journey.Priorities[priority]
	}
	h.OpenedAt, h.ClaimedAt, h.ClosedAt, h.Until = moment(opened), moment(claimed), moment(closed), moment(until)
	return h, json.Unmarshal([]byte(outcomes), &h.Outcomes)
}

// OpenHandoff is idempotent by id, claiming the enrollment; note is rendered.
func (s *HandoffRoom) OpenHandoff(ctx context.Context, now time.Time, in contract.OpenHandoff, note string) error {
	return s.db.write(ctx, func(tx conn) error {
		e, p, err := claimed(ctx, tx, in.Enrollment, in.Chain)
		if replayed(e, in.Chain, err) {
			if opened, failed := exists(ctx, tx, `select 1 from handoffs where id = $1`, in.ID); failed != nil || opened {
				return failed
			}
		}
		if err != nil {
			return err
		}
		outcomes, err := jsonText(append([]string{}, slices.Sorted(maps.Keys(in.Spec.Outcomes))...))
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
			p.id,
			in.Spec.Queue,
			priority,
			clean(note),
			outcomes,
			HandoffOpen,
			millis(now),
			millis(in.Until),
		)
		return err
	})
}

// WithdrawHandoff takes back what is still open, claiming the enrollment; one that has ended took it back before.
func (s *HandoffRoom) WithdrawHandoff(ctx context.Context, now time.Time, in contract.WithdrawHandoff) error {
	return s.db.write(ctx, func(tx conn) error {
		e, _, err := lockEnrollment(ctx, tx, in.Enrollment)
		if errors.Is(err, ErrNotFound) {
			return ErrSuperseded
		}
		if err != nil || e.State == StateClosed && e.Chain == in.Chain {
			return err
		}
		if err := claim(ctx, tx, e.ID, in.Chain); err != nil {
			return err
		}
		_, err = tx.ExecContext(
			ctx,
			`update handoffs set state = 'withdrawn', reason = $3, closed_at = $4 where id = $1 and enrollment = $2 and state in ('open', 'claimed')`,
			in.ID,
			e.ID,
			clean(in.Reason),
			millis(now),
		)
		return err
	})
}

// HandoffRoom are sorted by priority, the most urgent first, then age, the oldest first.
func (s *HandoffRoom) Handoffs(ctx context.Context, f HandoffFilter) ([]Handoff, error) {
	var out []Handoff
	err := readOf(ctx, s.db, f.Customer, func(tx conn, customerID string) error {
		w := where{}
		if f.State == "" {
			w.raw("h.state in ('open', 'claimed')")
		}
		w.equals("h.state", f.State)
		w.equals("h.queue", f.Queue)
		w.equals("h.customer", customerID)
		query := handoffQuery + w.sql() + ` order by h.priority desc, h.opened_at, h.id limit ` + w.param(bounded(f.Limit))
		return rows(ctx, tx, func(r *sql.Rows) error {
			h, err := scanHandoff(r)
			out = append(out, h)
			return err
		}, query, w.args...)
	})
	return out, err
}

// Handoff by id; ErrNotFound.
func (s *HandoffRoom) Handoff(ctx context.Context, id string) (Handoff, error) {
	h, err := handoff(ctx, s.db.reader, id)
	return h, databaseError(err)
}

func handoff(ctx context.Context, tx conn, id string) (Handoff, error) {
	h, err := scanHandoff(tx.QueryRowContext(ctx, handoffQuery+` where h.id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return h, err
}

// lockHandoff locks the customer of a hand-off and reads it. agent must be free to act on it.
func lockHandoff(ctx context.Context, tx conn, id, agent string) (Handoff, *lockedCustomer, error) {
	p, err := scanPerson(tx.QueryRowContext(
		ctx,
		`update customers set version = version + 1 where id = (select customer from handoffs where id = $1) returning id, version, traits, merged_into, created_at`,
		id,
	))
	if errors.Is(err, sql.ErrNoRows) {
		return Handoff{}, nil, ErrNotFound
	}
	if err != nil {
		return Handoff{}, nil, err
	}
	h, err := handoff(ctx, tx, id)
	switch {
	case err != nil:
		return h, nil, err
	case h.Customer != p.id:
		return h, nil, errAgain
	case h.State == HandoffResolved, h.State == HandoffWithdrawn:
		return h, nil, ErrTooLate
	case h.State == HandoffClaimed && h.Agent != agent:
		return h, nil, ErrTaken
	}
	return h, p, nil
}

// ClaimHandoff: ErrTaken by another, ErrTooLate once closed; claiming one's own again is fine.
func (s *HandoffRoom) ClaimHandoff(ctx context.Context, now time.Time, id, agent string) error {
	agent = clean(agent)
	if agent == "" {
		return inputError("the agent's name is missing")
	}
	return s.db.write(ctx, func(tx conn) error {
		h, _, err := lockHandoff(ctx, tx, id, agent)
		if err != nil || h.State == HandoffClaimed {
			return err
		}
		_, err = tx.ExecContext(
			ctx,
			`update handoffs set state = 'claimed', agent = $2, claimed_at = $3 where id = $1`,
			id,
			agent,
			millis(now),
		)
		return err
	})
}

// ResolveHandoff closes it and writes the delivery (workflows.HandoffResolved) to its instance. The note stays
// in the store. ErrTaken where another agent has claimed it, ErrTooLate once closed.
func (s *HandoffRoom) ResolveHandoff(ctx context.Context, now time.Time, id, agent, outcome, note string) error {
	agent, outcome = clean(agent), clean(outcome)
	if agent == "" || outcome == "" {
		return inputError("the agent's name or the outcome is missing")
	}
	return s.db.change(ctx, now, func(tx conn, b *unit) error {
		h, p, err := lockHandoff(ctx, tx, id, agent)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `update handoffs set state = 'resolved', agent = $2, outcome = $3, agent_note = $4, closed_at = $5,
			claimed_at = case when claimed_at = 0 then $5 else claimed_at end where id = $1`, id, agent, outcome, clean(note), millis(now)); err != nil {
			return err
		}
		if err := b.adopt(ctx, p); err != nil {
			return err
		}
		for _, e := range p.open {
			if e.ID == h.Enrollment {
				return enqueueMessage(
					b, e,
					contract.Delivery{ID: "handoff/" + id, Enrollment: e.ID, Received: now,
						HandoffResult: &contract.HandoffResult{Handoff: id, Outcome: outcome, Agent: agent}},
				)
			}
		}
		return ErrTooLate
	})
}

// mergeHandoffs moves the hand-offs of a customer to another.
func mergeHandoffs(ctx context.Context, b *unit, gone, survivor *lockedCustomer) error {
	if gone.unused() {
		return nil
	}
	_, err := b.tx.ExecContext(ctx, `update handoffs set customer = $2 where customer = $1`, gone.id, survivor.id)
	return err
}

// heldHandoffs finds a hand-off of the enrollment $1 that waits for an agent, or is with one.
const heldHandoffs = `select 1 from handoffs where enrollment = $1 and state in ('open', 'claimed')`

// releaseHandoffs withdraws the hand-offs of an enrollment that ends.
func releaseHandoffs(ctx context.Context, b *unit, e *enrollmentRow, outcome string, at time.Time) error {
	_, err := b.tx.ExecContext(ctx, `update handoffs set state = 'withdrawn', reason = $2, closed_at = $3
		where enrollment = $1 and state in ('open', 'claimed')`, e.ID, "its journey ended: "+outcome, millis(at))
	return err
}
