package enrollment

import (
	"context"
	"database/sql"
	"time"

	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Command enqueues an order for an open enrollment. It returns ErrNotFound if none is open with that workflow id.
func (s *Room) Command(ctx context.Context, now time.Time, workflowID string, c contract.Command) error {
	return s.db.Change(ctx, now, func(tx sqldb.Conn, b *unit.Unit) error {
		ids, err := customer.WorkflowIDs(ctx, tx, workflowID)
		if err != nil {
			return err
		}
		id, exact := "", false
		if err := sqldb.Within(ctx, tx, `select id, workflow_id from enrollments where workflow_id in (%s) and state <> 'closed'`, ids,
			func(r *sql.Rows) error {
				var one, at string
				err := r.Scan(&one, &at)
				if at == ids[0] { // the workflow id itself, rather than what it may also mean
					id, exact = one, true
				} else if !exact {
					id = max(id, one) // the latest
				}
				return err
			}); err != nil {
			return err
		}
		if id == "" {
			return sqldb.ErrNotFound
		}
		e, p, err := s.db.LockEnrollment(ctx, tx, id)
		if err != nil {
			return err
		}
		audit.Of(ctx).About(e.Customer, e.Journey)
		if e.State == unit.StateClosed {
			return sqldb.ErrNotFound
		}
		if err := b.Adopt(ctx, p); err != nil {
			return err
		}
		return deliverCommand(ctx, b, b.Enrollment(e), c)
	})
}

// deliverCommand enqueues an order, and records a pause or resume in the enrollment.
func deliverCommand(ctx context.Context, b *unit.Unit, e *unit.EnrollmentRow, c contract.Command) error {
	id, err := NewID(sqldb.Millis(b.Now))
	if err != nil {
		return err
	}
	c.By, c.Reason, c.Target = sqldb.Clean(c.By), sqldb.Clean(c.Reason), sqldb.Clean(c.Target)
	if c.Kind == contract.PauseUpdate || c.Kind == contract.ResumeUpdate {
		if _, err := b.Tx.ExecContext(ctx, `update enrollments set paused = $2 where id = $1`, e.ID,
			sqldb.Flag(c.Kind == contract.PauseUpdate)); err != nil {
			return err
		}
	}
	return outbox.EnqueueMessage(b, e, contract.Delivery{ID: "command/" + id, Enrollment: e.ID, Command: &c})
}

// PauseJourney is the kill switch. From its commit on the journey sends nothing and nobody enters it; open enrollments get
// the order too. It returns the number of those enrollments. It returns ErrNotFound for a journey that is not in the current
// release and has no enrollments.
func (s *Room) PauseJourney(ctx context.Context, now time.Time, name, by string, paused bool) (int, error) {
	ordered := 0
	err := s.db.Change(ctx, now, func(tx sqldb.Conn, b *unit.Unit) error {
		ordered = 0
		var customers []string
		if err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
			var id string
			err := r.Scan(&id)
			customers = append(customers, id)
			return err
		}, `select distinct customer from enrollments where journey = $1 and state <> 'closed'`, name); err != nil {
			return err
		}
		rel, err := b.Release(ctx)
		if err != nil {
			return err
		}
		if rel.Programs[name] == nil && len(customers) == 0 {
			known, err := sqldb.Exists(ctx, tx, `select 1 from enrollments where journey = $1 limit 1`, name)
			if err != nil {
				return err
			}
			if !known {
				return sqldb.ErrNotFound
			}
		}
		if err := b.Lock(ctx, customers); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `insert into paused_journeys (journey, paused, by_whom, at) values ($1, $2, $3, $4)
			on conflict (journey) do update set paused = excluded.paused, by_whom = excluded.by_whom, at = excluded.at`, name,
			sqldb.Flag(paused), sqldb.Clean(by), sqldb.Millis(now)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `update enrollments set paused = $2 where journey = $1 and state <> 'closed'`, name,
			sqldb.Flag(paused)); err != nil {
			return err
		}
		order := contract.Command{Kind: contract.PauseUpdate, By: sqldb.Clean(by), Reason: "the journey is paused"}
		if !paused {
			order.Kind, order.Reason = contract.ResumeUpdate, "the journey is resumed"
		}
		for _, id := range sqldb.Sorted(customers) {
			if b.Customers[id] == nil { // it is being forgotten, and its enrollments end anyway
				continue
			}
			for _, e := range b.Customers[id].Open {
				if e.Journey != name {
					continue
				}
				event, err := NewID(sqldb.Millis(now))
				if err != nil {
					return err
				}
				if err := outbox.EnqueueMessage(b, e, contract.Delivery{ID: "command/" + event, Enrollment: e.ID,
					Command: &order}); err != nil {
					return err
				}
				ordered++
			}
		}
		return nil
	})
	return ordered, err
}

// pausedJourneys is a unit's copy of the paused journeys; nil: not read yet.
type pausedJourneys struct{ names map[string]bool }

// pausedJourney reports whether a journey is paused.
func pausedJourney(ctx context.Context, b *unit.Unit, name string) (bool, error) {
	s := unit.State[pausedJourneys](b)
	if s.names == nil {
		s.names = map[string]bool{}
		if err := sqldb.Rows(ctx, b.Tx, func(r *sql.Rows) error {
			var name string
			err := r.Scan(&name)
			s.names[name] = true
			return err
		}, `select journey from paused_journeys where paused = 1`); err != nil {
			return false, err
		}
	}
	return s.names[name], nil
}
