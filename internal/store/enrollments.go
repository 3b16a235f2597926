package store

import (
	"context"
	"database/sql"
	"time"
)

// EnrollmentRoom are the entries of customers into journeys, from entry to end.
type EnrollmentRoom struct{ db *units }

// newEnrollmentRoom returns the room.
func newEnrollmentRoom(db *units) *EnrollmentRoom { return &EnrollmentRoom{db: db} }

// Enrollments in id order.
func (s *EnrollmentRoom) Enrollments(ctx context.Context, f EnrollmentFilter) ([]Enrollment, error) {
	var out []Enrollment
	err := readOf(ctx, s.db, f.Customer, func(tx conn, customerID string) error {
		w := where{}
		w.equals("journey", f.Journey)
		w.equals("customer", customerID)
		w.equals("state", f.State)
		w.equals("outcome", f.Outcome)
		w.equals("workflow_id", f.WorkflowID)
		if f.Live {
			w.raw("state <> 'closed'")
		}
		if f.After != "" {
			w.and("id > ", f.After)
		}
		query := `select ` + enrollmentColumns + ` from enrollments` + w.sql() + ` order by id limit ` + w.param(bounded(f.Limit))
		return rows(ctx, tx, func(r *sql.Rows) error {
			e, err := scanEnrollment(r)
			out = append(out, e.Enrollment)
			return err
		}, query, w.args...)
	})
	return out, err
}

// ClosedOf gives those of some enrollments, by id, that are closed. Ids that are not known are left out.
func (s *EnrollmentRoom) ClosedOf(ctx context.Context, ids []string) ([]Enrollment, error) {
	var out []Enrollment
	err := within(
		ctx,
		s.db.reader,
		`select `+enrollmentColumns+` from enrollments where state = 'closed' and id in (%s)`,
		sorted(ids),
		func(r *sql.Rows) error {
			e, err := scanEnrollment(r)
			out = append(out, e.Enrollment)
			return err
		},
	)
	return out, databaseError(err)
}

// CloseLost closes an enrollment whose run is gone, and frees what it held. closed is false, and nothing
// changes, where it was closed before.
func (s *EnrollmentRoom) CloseLost(ctx context.Context, now time.Time, id, outcome, reason string) (closed bool, err error) {
	err = s.db.change(ctx, now, func(tx conn, b *unit) error {
		closed = false
		e, p, err := lockEnrollment(ctx, tx, id)
		if err != nil || e.State == StateClosed {
			return err
		}
		if err := b.adopt(ctx, p); err != nil {
			return err
		}
		closed = true
		return closeEnrollment(ctx, b, b.enrollment(e), outcome, reason, 0, now)
	})
	return closed && err == nil, err
}
