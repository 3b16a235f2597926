package handoff

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// lockHandoff locks the customer of a hand-off that is not closed, and returns both.
func lockHandoff(ctx context.Context, tx sqldb.Conn, id string) (Handoff, *unit.LockedCustomer, error) {
	p, err := customer.LockOwner(ctx, tx, `select customer from handoffs where id = $1`, id)
	if err != nil {
		return Handoff{}, nil, err
	}
	h, err := handoff(ctx, tx, id)
	switch {
	case err != nil:
		return h, nil, err
	case h.Customer != p.ID:
		return h, nil, sqldb.ErrAgain
	}
	audit.Of(ctx).About(h.Customer, h.Journey)
	switch {
	case h.State == HandoffResolved, h.State == HandoffWithdrawn:
		return h, nil, ErrTooLate
	}
	return h, p, nil
}

// others reports whether another agent than this one has claimed a hand-off.
func (h *Handoff) others(agent string) bool { return h.State == HandoffClaimed && h.Agent != agent }

// actor returns an agent's name as it is stored, or an InputError.
func actor(agent string) (string, error) {
	if agent = sqldb.Clean(agent); agent == "" {
		return "", sqldb.InputError("the agent's name is missing")
	}
	return agent, nil
}

// write writes who has a hand-off, after an act.
func (h *Handoff) write(ctx context.Context, tx sqldb.Conn, wall time.Time, act Act) error {
	if act.By == act.Agent {
		act.By = ""
	}
	acts, err := sqldb.JSONText(append(h.Acts, act))
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `update handoffs set state = $2, agent = $3, claimed_at = $4, acts = $5, active_at = $6 where id = $1`,
		h.ID, h.State, h.Agent, sqldb.Millis(h.ClaimedAt), acts, sqldb.Millis(wall))
	return err
}

// Claim assigns a hand-off to an agent. It returns ErrTaken if another agent has claimed it and ErrTooLate if it is
// closed. Claiming it again as the same agent is a sign of that agent, see ReturnIdle, and changes nothing else.
func (s *Room) Claim(ctx context.Context, now, wall time.Time, id, agent string) error {
	return s.assign(ctx, now, wall, id, agent, agent, false)
}

// TakeOver assigns a hand-off to an agent, whichever agent has it, and records who did that. It returns ErrTooLate if it is
// closed.
func (s *Room) TakeOver(ctx context.Context, now, wall time.Time, id, agent, by string) error {
	return s.assign(ctx, now, wall, id, agent, by, true)
}

func (s *Room) assign(ctx context.Context, now, wall time.Time, id, agent, by string, over bool) error {
	agent, err := actor(agent)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx sqldb.Conn) error {
		h, _, err := lockHandoff(ctx, tx, id)
		switch {
		case err != nil:
			return err
		case h.State == HandoffClaimed && h.Agent == agent:
			_, err = tx.ExecContext(ctx, `update handoffs set active_at = $2 where id = $1`, id, sqldb.Millis(wall))
			return err
		case h.others(agent) && !over:
			return ErrTaken
		}
		act := Act{Kind: ActClaimed, Agent: agent, By: sqldb.Clean(by), At: now}
		if h.State == HandoffClaimed {
			act.Kind = ActTakenOver
		}
		h.State, h.Agent, h.ClaimedAt = HandoffClaimed, agent, now
		return h.write(ctx, tx, wall, act)
	})
}

// Release returns a claimed hand-off to the queue: the customer waits for any agent again, and marketing stays suppressed. It
// returns ErrTaken if another agent has claimed it, except as an admin, and ErrTooLate if it is closed. If nobody has claimed it,
// nothing changes.
func (s *Room) Release(ctx context.Context, now, wall time.Time, id, by string, over Over) error {
	by, err := actor(by)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx sqldb.Conn) error {
		h, _, err := lockHandoff(ctx, tx, id)
		switch {
		case err != nil || h.State == HandoffOpen:
			return err
		case h.others(by) && over == AsAgent:
			return ErrTaken
		}
		return h.release(ctx, tx, wall, Act{Kind: ActReleased, Agent: h.Agent, By: by, At: now})
	})
}

// release returns a claimed hand-off to the queue.
func (h *Handoff) release(ctx context.Context, tx sqldb.Conn, wall time.Time, act Act) error {
	h.State, h.Agent, h.ClaimedAt = HandoffOpen, "", time.Time{}
	return h.write(ctx, tx, wall, act)
}

// Seen records a sign of the agent who has a hand-off, such as opening its page; at most one a minute is written. See ReturnIdle.
func (s *Room) Seen(ctx context.Context, wall time.Time, id, agent string) error {
	return s.db.Write(sqldb.WithoutLast(ctx), func(tx sqldb.Conn) error {
		_, err := tx.ExecContext(ctx, `update handoffs set active_at = $3 where id = $1 and agent = $2 and state = 'claimed'
			and active_at < $4`, id, sqldb.Clean(agent), sqldb.Millis(wall), sqldb.Millis(wall.Add(-time.Minute)))
		return err
	})
}

// ReturnIdle returns up to limit claimed hand-offs to the queue whose agents have given no sign for as long as idle (wall time): an
// agent who goes home must not keep a customer until the journey's timeout. The agent may still resolve it, while nobody else
// has claimed it. It returns how many it returned.
func (s *Room) ReturnIdle(ctx context.Context, now, wall time.Time, idle time.Duration, limit int) (n int, err error) {
	before := sqldb.Millis(wall.Add(-idle))
	var ids []string
	err = s.db.Read(ctx, func(tx sqldb.Conn) error {
		ids = nil
		return sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
			var id string
			err := r.Scan(&id)
			ids = append(ids, id)
			return err
		}, `select id from handoffs where state = 'claimed' and active_at <= $1 order by active_at, id limit $2`, before, limit)
	})
	for _, id := range ids {
		if err != nil {
			break
		}
		returned := false
		var (
			h     Handoff
			agent string
		)
		recorded := audit.With(ctx, func(context.Context, sqldb.Conn) ([]audit.Entry, error) {
			if !returned {
				return nil, nil
			}
			return []audit.Entry{{
				Who: audit.Self, Door: audit.Automatic, What: "handoff.return", Kind: "handoff", ID: id, Customer: h.Customer,
				Journey: h.Journey, Detail: audit.Detail{"agent": agent},
			}}, nil
		})
		err = s.db.Write(recorded, func(tx sqldb.Conn) error {
			returned = false
			var err error
			h, _, err = lockHandoff(ctx, tx, id)
			if errors.Is(err, ErrTooLate) || errors.Is(err, sqldb.ErrNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			still, err := sqldb.Exists(ctx, tx, `select 1 from handoffs where id = $1 and state = 'claimed' and active_at <= $2`,
				id, before)
			if err != nil || !still {
				return err
			}
			returned, agent = true, h.Agent
			return h.release(ctx, tx, wall, Act{Kind: ActReturned, Agent: h.Agent, By: "tabi", At: now})
		})
		if err == nil && returned {
			n++
		}
	}
	return n, err
}

// Resolve closes a hand-off and enqueues its result (contract.HandoffResult) for the enrollment. The note is stored
// and not delivered. It returns ErrTaken if another agent has claimed the hand-off, except as an admin, and ErrTooLate if it is
// closed.
func (s *Room) Resolve(ctx context.Context, now time.Time, id, agent, outcome, note string, over Over) error {
	agent, outcome = sqldb.Clean(agent), sqldb.Clean(outcome)
	if agent == "" || outcome == "" {
		return sqldb.InputError("the agent's name or the outcome is missing")
	}
	return s.db.Change(ctx, now, func(tx sqldb.Conn, b *unit.Unit) error {
		h, p, err := lockHandoff(ctx, tx, id)
		if err != nil {
			return err
		}
		if h.others(agent) {
			if over == AsAgent {
				return ErrTaken
			}
			h.Acts = append(h.Acts, Act{Kind: ActTakenOver, Agent: agent, At: now})
		}
		acts, err := sqldb.JSONText(append(h.Acts, Act{Kind: ActResolved, Agent: agent, At: now}))
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `update handoffs set state = 'resolved', agent = $2, outcome = $3, agent_note = $4, closed_at = $5,
			acts = $6, claimed_at = case when claimed_at = 0 then $5 else claimed_at end where id = $1`, id, agent, outcome,
			sqldb.Clean(note), sqldb.Millis(now), acts); err != nil {
			return err
		}
		if err := b.Adopt(ctx, p); err != nil {
			return err
		}
		for _, e := range p.Open {
			if e.ID == h.Enrollment {
				return outbox.EnqueueMessage(
					b, e,
					contract.Delivery{ID: "handoff/" + id, Enrollment: e.ID, Received: now,
						HandoffResult: &contract.HandoffResult{Handoff: id, Outcome: outcome, Agent: agent}},
				)
			}
		}
		return ErrTooLate
	})
}
