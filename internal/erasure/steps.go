package erasure

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/keyring"
	"github.com/tabi-journeys/tabi/internal/retention"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// The steps of forgetting a customer. Each takes a request by its id, changes at most a page, and may be repeated: the workflow
// Forget calls them in order, and what was done before changes nothing.

const (
	// enrollmentPage is how many enrollments a step looks at in one transaction.
	enrollmentPage = 50
	// erasePage is how many rows one transaction erases. The customer's row is locked meanwhile, and nobody waits for it.
	erasePage = 1000
)

// End orders a page of the customer's open enrollments to end. next is where the next page begins, empty after the last one.
func (s *Room) End(ctx context.Context, now time.Time, id, after string) (next string, err error) {
	err = s.db.Change(ctx, now, func(tx sqldb.Conn, b *unit.Unit) error {
		o, ids, err := s.page(ctx, tx, id, after, true)
		if err != nil || len(ids) == 0 {
			next = ""
			return err
		}
		next = nextAfter(ids)
		return enrollment.OrderEnd(ctx, b, o.customer, ids)
	})
	return next, err
}

// page returns a page of the ids of the customer's enrollments.
func (s *Room) page(ctx context.Context, tx sqldb.Conn, id, after string, live bool) (*open, []string, error) {
	o, err := request(ctx, tx, id)
	if err != nil || o.State == Done {
		return o, nil, err
	}
	which := ``
	if live {
		which = ` and state <> 'closed'`
	}
	var ids []string
	err = sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
		var one string
		err := r.Scan(&one)
		ids = append(ids, one)
		return err
	}, `select id from enrollment_states where customer = $1 and id > $2`+which+` order by id limit $3`, o.customer, after, enrollmentPage)
	return o, ids, err
}

func nextAfter(ids []string) string {
	if len(ids) < enrollmentPage {
		return ""
	}
	return ids[len(ids)-1]
}

// StillOpen returns how many of the customer's enrollments are open.
func (s *Room) StillOpen(ctx context.Context, id string) (n int64, err error) {
	o, err := request(ctx, s.db.Reader, id)
	if err == nil {
		err = s.db.Reader.QueryRowContext(ctx, `select count(*) from enrollment_states where customer = $1 and state <> 'closed'`,
			o.customer).Scan(&n)
	}
	return n, sqldb.DatabaseError(err)
}

// OpenEnrollments returns the enrollments that are still open, at most a page. Their runs did not end in time.
func (s *Room) OpenEnrollments(ctx context.Context, id string) ([]unit.Enrollment, error) {
	return s.enrollments(ctx, id, "", true)
}

// Enrollments returns a page of the customer's enrollments after one, whose runs are to be deleted. next is empty after the last page.
func (s *Room) Enrollments(ctx context.Context, id, after string) (page []unit.Enrollment, next string, err error) {
	page, err = s.enrollments(ctx, id, after, false)
	if len(page) == enrollmentPage {
		next = page[len(page)-1].ID
	}
	return page, next, err
}

func (s *Room) enrollments(ctx context.Context, id, after string, live bool) ([]unit.Enrollment, error) {
	var out []unit.Enrollment
	err := s.db.Read(ctx, func(tx sqldb.Conn) error {
		out = nil
		_, ids, err := s.page(ctx, tx, id, after, live)
		if err != nil {
			return err
		}
		for _, one := range ids {
			e, err := s.db.EnrollmentOf(ctx, tx, one)
			if err != nil {
				return err
			}
			out = append(out, e.Enrollment)
		}
		return nil
	})
	return out, err
}

// IDs returns all ids of the customer, its own first; none once the request is done.
func (s *Room) IDs(ctx context.Context, id string) (ids []string, err error) {
	err = s.db.Read(ctx, func(tx sqldb.Conn) error {
		o, err := request(ctx, tx, id)
		if err != nil || o.State == Done {
			return err
		}
		f := unit.Forgetting{Customer: o.customer, Pseudonym: o.pseudonym}
		err = customer.Identified(ctx, tx, &f, nil)
		ids = f.IDs
		return err
	})
	return ids, err
}

// CloseEnrollment closes an enrollment whose run was terminated.
func (s *Room) CloseEnrollment(ctx context.Context, now time.Time, id, enrollmentID string) error {
	closed, err := enrollment.New(s.db).CloseLost(ctx, now, enrollmentID, "exited", "the customer is forgotten")
	if err != nil || !closed {
		return err
	}
	return s.note(ctx, id, func(o *open) { o.Report.Enrollments.Terminated++ })
}

// note changes the state or the report of a request.
func (s *Room) note(ctx context.Context, id string, change func(o *open)) error {
	return s.db.Write(ctx, func(tx sqldb.Conn) error { return note(ctx, tx, id, change) })
}

func note(ctx context.Context, tx sqldb.Conn, id string, change func(o *open)) error {
	o, err := request(ctx, tx, id)
	if err != nil || o.State == Done {
		return err
	}
	change(o)
	report, err := sqldb.JSONText(o.Report)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `update forget_requests set state = $2, report = $3 where id = $1`, id, o.State, report)
	return err
}

// Delete notes that the customer's enrollments have ended and that its runs are to be deleted. It deletes the keys by which they are
// encrypted: no run needs to be read any more, so whatever Temporal, its archives and its backups still have is unreadable from now on.
func (s *Room) Delete(ctx context.Context, now time.Time, id string) error {
	return s.db.Change(ctx, now, func(tx sqldb.Conn, b *unit.Unit) error {
		o, err := request(ctx, tx, id)
		if err != nil || o.State == Done {
			return err
		}
		f := &unit.Forgetting{Customer: o.customer, Pseudonym: o.pseudonym}
		if err := customer.Identified(ctx, tx, f, nil); err != nil {
			return err
		}
		if err := dropKeys(ctx, b, f); err != nil {
			return err
		}
		return note(ctx, tx, id, func(o *open) {
			if o.State != Erasing { // a workflow that was lost begins again
				o.State = Deleting
			}
			o.Report.add(f.Tables)
		})
	})
}

// dropKeys deletes the keys of all ids of a customer.
func dropKeys(ctx context.Context, b *unit.Unit, f *unit.Forgetting) error {
	f.DryRun, f.Left = false, int64(len(f.IDs)) // one each
	return keyring.Forget(ctx, b, f)
}

// RunsDeleted adds to the report what became of runs.
func (s *Room) RunsDeleted(ctx context.Context, id string, runs Runs) error {
	return s.note(ctx, id, func(o *open) {
		o.Report.Runs.Deleted += runs.Deleted
		o.Report.Runs.Left += runs.Left
		if runs.Until.After(o.Report.Runs.Until) {
			o.Report.Runs.Until = runs.Until
		}
	})
}

// Erase erases one page of the customer's rows. more is false once nothing is left; the request is then done, and forgets whom it
// meant. Nothing refers to the customer any more.
func (s *Room) Erase(ctx context.Context, now time.Time, id string) (more bool, err error) {
	err = s.db.Change(ctx, now, func(tx sqldb.Conn, b *unit.Unit) error {
		more = false
		o, err := request(ctx, tx, id)
		if err != nil || o.State == Done {
			return err
		}
		if _, err := customer.LockOwner(ctx, tx, `select cast($1 as text)`, o.customer); err != nil && !errors.Is(err, sqldb.ErrNotFound) {
			return err
		}
		if o.State != Erasing {
			if err := s.goals(ctx, b, o.customer); err != nil {
				return err
			}
		}
		f := &unit.Forgetting{Customer: o.customer, Pseudonym: o.pseudonym, Secret: o.secret, Left: erasePage}
		if err := s.pass(ctx, b, f); err != nil {
			return err
		}
		more = f.Left < erasePage
		if err := note(ctx, tx, id, func(o *open) {
			o.State = Erasing
			o.Report.add(f.Tables)
		}); err != nil || more {
			return err
		}
		if err := s.verify(ctx, b, o); err != nil {
			return err
		}
		if err := note(ctx, tx, id, func(o *open) {
			o.Report.Tables = s.tables(o.Report.Tables)
			o.Report.Tables["forgotten"].Kept = int64(o.Report.IDs)
			o.Report.Tables["forget_requests"].Kept = 1
		}); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `update forget_requests set state = 'done', customer = '', pseudonym = '', secret = '', done_at = $2
			where id = $1`, id, sqldb.Millis(now))
		return err
	})
	if err == nil && !more {
		err = s.db.DropTraces(ctx)
	}
	return more, err
}

// verify returns an error if a row of the customer is left.
func (s *Room) verify(ctx context.Context, b *unit.Unit, o *open) error {
	live, err := sqldb.Exists(ctx, b.Tx, `select 1 from enrollment_states where customer = $1`, o.customer)
	if err != nil {
		return err
	}
	if live {
		return fmt.Errorf("an enrollment of request %s is open again", o.ID)
	}
	f := &unit.Forgetting{Customer: o.customer, Pseudonym: o.pseudonym, Secret: o.secret, DryRun: true}
	if err := s.pass(ctx, b, f); err != nil {
		return err
	}
	for name, t := range f.Tables {
		if t.Erased+t.Pseudonymized > 0 {
			return fmt.Errorf("%d rows of request %s are left in %s", t.Erased+t.Pseudonymized, o.ID, name)
		}
	}
	return nil
}

// pass calls the hooks of the rooms once.
func (s *Room) pass(ctx context.Context, b *unit.Unit, f *unit.Forgetting) error {
	if err := customer.Identified(ctx, b.Tx, f, s.traits()); err != nil {
		return err
	}
	for _, hook := range s.db.Hooks.OnForget {
		if err := hook(ctx, b, f); err != nil {
			return err
		}
	}
	f.Table("forget_requests", "that somebody was forgotten, when and why; not who")
	if f.DryRun {
		return nil
	}
	if err := retention.ForgetTurn(ctx, b.Tx, f.IDs); err != nil || f.Tables["events"] == nil {
		return err
	}
	return retention.AddDeleted(ctx, b.Tx, retention.Deleted{Events: f.Tables["events"].Erased})
}

// add adds what one unit did with tables.
func (r *Report) add(tables map[string]*unit.TableForgets) {
	if r.Tables == nil {
		r.Tables = map[string]*unit.TableForgets{}
	}
	for name, t := range tables {
		sum := r.Tables[name]
		if sum == nil {
			sum = &unit.TableForgets{}
			r.Tables[name] = sum
		}
		sum.Why = t.Why
		sum.Erased += t.Erased
		sum.Pseudonymized += t.Pseudonymized
		sum.Kept += t.Kept
	}
}
