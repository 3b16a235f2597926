package enrollment

import (
	"context"
	"database/sql"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Room keeps enrollments, from entry to end.
type Room struct{ db *unit.Units }

// New returns the room.
func New(db *unit.Units) *Room { return &Room{db: db} }

// List lists enrollments in the order of their entries.
func (s *Room) List(ctx context.Context, f Filter) ([]unit.Enrollment, error) {
	var out []unit.Enrollment
	err := customer.ReadOf(ctx, s.db, f.Customer, func(tx sqldb.Conn, customerID string) error {
		w := sqldb.Where{}
		w.Equals("journey", f.Journey)
		w.Equals("customer", customerID)
		w.Equals("state", f.State)
		w.Equals("outcome", f.Outcome)
		if f.WorkflowID != "" {
			ids, err := customer.WorkflowIDs(ctx, tx, f.WorkflowID)
			if err != nil {
				return err
			}
			w.In("workflow_id", ids)
		}
		if f.Live {
			w.Raw("state <> 'closed'")
		}
		beyond, order := "id > ", ` order by id limit `
		if f.Newest {
			beyond, order = "id < ", ` order by id desc limit `
		}
		if f.After != "" {
			w.And(beyond, f.After)
		}
		query := `select ` + enrollmentColumns + ` from enrollments` + w.SQL() + order +
			w.Param(sqldb.Bounded(f.Limit))
		return sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
			e, err := scanEnrollment(r)
			out = append(out, e.Enrollment)
			return err
		}, query, w.Args...)
	})
	return out, err
}

// ClosedOf returns the closed enrollments among ids. Unknown ids are ignored.
func (s *Room) ClosedOf(ctx context.Context, ids []string) ([]unit.Enrollment, error) {
	var out []unit.Enrollment
	err := sqldb.Within(
		ctx,
		s.db.Reader,
		`select `+enrollmentColumns+` from enrollments where state = 'closed' and id in (%s)`,
		sqldb.Sorted(ids),
		func(r *sql.Rows) error {
			e, err := scanEnrollment(r)
			out = append(out, e.Enrollment)
			return err
		},
	)
	return out, sqldb.DatabaseError(err)
}

// Known returns those of the ids that the store knows, open or closed.
func (s *Room) Known(ctx context.Context, ids []string) (map[string]bool, error) {
	known := map[string]bool{}
	err := sqldb.Within(ctx, s.db.Reader, `select id from enrollments where id in (%s)`, sqldb.Sorted(ids), func(r *sql.Rows) error {
		var id string
		err := r.Scan(&id)
		known[id] = true
		return err
	})
	return known, sqldb.DatabaseError(err)
}

// CloseLost closes an enrollment whose run is gone, and releases what it holds. closed is false if it was closed before;
// then nothing changes.
func (s *Room) CloseLost(ctx context.Context, now time.Time, id, outcome, reason string) (closed bool, err error) {
	return s.CloseAs(ctx, now, id, contract.Ended{Outcome: outcome, Reason: reason})
}

// MarkMissing notes which enrollments had no run in Temporal at wall, unless that was noted before, and which have one
// again.
func (s *Room) MarkMissing(ctx context.Context, wall time.Time, missing, found []string) error {
	if len(missing)+len(found) == 0 {
		return nil
	}
	return s.db.Write(ctx, func(tx sqldb.Conn) error {
		for _, id := range missing {
			if _, err := tx.ExecContext(ctx, `update enrollments set missing_since = $2 where id = $1 and missing_since = 0
				and state <> 'closed'`, id, sqldb.Millis(wall)); err != nil {
				return err
			}
		}
		for _, id := range found {
			if _, err := tx.ExecContext(ctx, `update enrollments set missing_since = 0 where id = $1`, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// CloseAs is CloseLost for an enrollment of which Temporal knows how its run ended. ended.At is now where it is zero.
func (s *Room) CloseAs(ctx context.Context, now time.Time, id string, ended contract.Ended) (closed bool, err error) {
	if ended.At.IsZero() {
		ended.At = now
	}
	var gone *unit.EnrollmentRow
	err = s.db.Change(withClosing(ctx, &gone, ended), now, func(tx sqldb.Conn, b *unit.Unit) error {
		closed, gone = false, nil
		e, p, err := s.db.LockEnrollment(ctx, tx, id)
		if err != nil || e.State == unit.StateClosed {
			return err
		}
		gone = e
		if err := b.Adopt(ctx, p); err != nil {
			return err
		}
		closed = true
		return closeEnrollment(ctx, b, b.Enrollment(e), ended.Outcome, ended.Reason, ended.Value, ended.At)
	})
	return closed && err == nil, err
}
