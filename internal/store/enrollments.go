package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// enrollment is a row with what only the store needs.
type enrollment struct {
	Enrollment
	depth      int
	reportSeq  int64
	head, tail int64 // first delivery that is not done; last one written
	attempts   int
	token      int64
	fresh      bool   // not in the database yet
	moving     string // the revision it was told to go over to
	queuedAt   int64
}

// pending reports whether deliveries are waiting.
func (e *enrollment) pending() bool { return e.head <= e.tail }

const enrollmentColumns = `id, workflow_id, journey, revision, customer, instance_key, entry_event, entry_name, depth, entered_at, closed_at, state, outcome, reason, value, holdout,
	first_run_id, report_seq, step, step_kind, since_at, until_at, paused, next_seq, last_seq, attempts, lease_token, migrating_to`

// revisions are those by which an instance may take what is delivered now: its own, and the one it was told to
// go over to.
func (e *enrollment) revisions() []string {
	if e.moving == "" || e.moving == e.Revision {
		return []string{e.Revision}
	}
	return []string{e.Revision, e.moving}
}

// scanner is a row or rows.
type scanner interface{ Scan(dest ...any) error }

func scanEnrollment(r scanner) (*enrollment, error) {
	var e enrollment
	var entered, closed, since, until int64
	var holdout, paused int
	err := r.Scan(
		&e.ID,
		&e.WorkflowID,
		&e.Journey,
		&e.Revision,
		&e.Customer,
		&e.Key,
		&e.EntryEvent,
		&e.EntryName,
		&e.depth,
		&entered,
		&closed,
		&e.State,
		&e.Outcome,
		&e.Reason,
		&e.Value,
		&holdout,
		&e.Chain,
		&e.reportSeq,
		&e.Step,
		&e.StepKind,
		&since,
		&until,
		&paused,
		&e.head,
		&e.tail,
		&e.attempts,
		&e.token,
		&e.moving,
	)
	e.EnteredAt, e.ClosedAt, e.Since, e.Until = moment(entered), moment(closed), moment(since), moment(until)
	e.Holdout, e.Paused = holdout != 0, paused != 0
	return &e, err
}

// enrollmentOf reads one; ErrNotFound.
func enrollmentOf(ctx context.Context, tx conn, id string) (*enrollment, error) {
	e, err := scanEnrollment(tx.QueryRowContext(ctx, `select `+enrollmentColumns+` from enrollments where id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	return e, err
}

// Enrollments in id order.
func (s *Store) Enrollments(ctx context.Context, f EnrollmentFilter) ([]Enrollment, error) {
	var out []Enrollment
	err := s.readOf(ctx, f.Customer, func(tx conn, customer string) error {
		w := where{}
		w.equals("journey", f.Journey)
		w.equals("customer", customer)
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
func (s *Store) ClosedOf(ctx context.Context, ids []string) ([]Enrollment, error) {
	var out []Enrollment
	err := within(
		ctx,
		s.reader,
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

// readOf reads with a filter's customer, as filtered gives it; f is not called, and nothing is found, for one
// that is not known.
func (s *Store) readOf(ctx context.Context, customer string, f func(tx conn, customer string) error) error {
	return s.read(ctx, func(tx conn) error {
		id, err := filtered(ctx, tx, customer)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return f(tx, id)
	})
}

// filtered is the customer a filter means; an empty one does not narrow.
func filtered(ctx context.Context, tx conn, id string) (string, error) {
	if id == "" {
		return "", nil
	}
	return canonical(ctx, tx, id)
}

// claim makes the enrollment this chain's; ErrNotMine where it is closed or another's.
func claim(ctx context.Context, tx conn, id, chain string) error {
	n, err := affected(
		ctx,
		tx,
		`update enrollments set first_run_id = $2 where id = $1 and state <> 'closed' and (first_run_id = '' or first_run_id = $2)`,
		id,
		chain,
	)
	if err == nil && n == 0 {
		err = ErrSuperseded
	}
	return err
}

// claimed reads an enrollment under its customer's lock and claims it.
func claimed(ctx context.Context, tx conn, id, chain string) (*enrollment, *lockedCustomer, error) {
	e, p, err := lockEnrollment(ctx, tx, id)
	if errors.Is(err, ErrNotFound) {
		return nil, nil, ErrSuperseded
	}
	if err != nil {
		return nil, nil, err
	}
	if e.Chain == chain && chain != "" && e.State != StateClosed {
		return e, p, nil // claimed before
	}
	return e, p, notMine(e, chain, claim(ctx, tx, id, chain))
}

// notMine tells a chain that has ended how it did.
func notMine(e *enrollment, chain string, err error) error {
	if !replayed(e, chain, err) {
		return err
	}
	return &EndedError{contract.Ended{Outcome: e.Outcome, Reason: e.Reason, Value: e.Value, At: e.ClosedAt}}
}

// replayed reports whether a claim failed only because this chain has itself ended the enrollment. A run whose
// last workflow task was lost behind its last report does that task again: what it asks once more is answered
// as before, and nothing new is done for it.
func replayed(e *enrollment, chain string, claim error) bool {
	return errors.Is(claim, ErrSuperseded) && e != nil && e.State == StateClosed && e.Chain == chain
}

// lockEnrollment locks the customer of an enrollment, as the first statement of the transaction, and reads both.
func lockEnrollment(ctx context.Context, tx conn, id string) (*enrollment, *lockedCustomer, error) {
	p, err := scanPerson(tx.QueryRowContext(
		ctx,
		`update customers set version = version + 1 where id = (select customer from enrollments where id = $1) returning id, version, traits, merged_into, created_at`,
		id,
	))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, ErrNotFound
	}
	if err != nil {
		return nil, nil, err
	}
	p.locked = true
	e, err := enrollmentOf(ctx, tx, id)
	if err != nil {
		return nil, nil, err
	}
	if e.Customer != p.id { // merged while we waited for the lock
		return nil, nil, errAgain
	}
	return e, p, nil
}

// where builds the where clause of a filter.
type where struct {
	clauses string
	args    []any
}

func (w *where) equals(column, value string) {
	if value != "" {
		w.and(column+" = ", value)
	}
}

// and adds a clause that ends before its parameter.
func (w *where) and(clause string, value any) {
	param := w.param(value)
	w.raw(clause + param)
}

func (w *where) raw(clause string) {
	if w.clauses != "" {
		w.clauses += " and "
	}
	w.clauses += clause
}

func (w *where) param(value any) string {
	w.args = append(w.args, value)
	return list(len(w.args), 1)
}

func (w *where) sql() string {
	if w.clauses == "" {
		return ""
	}
	return " where " + w.clauses
}

// bounded is a limit with its default of 100 and its maximum of 1000.
func bounded(limit int) int {
	if limit <= 0 {
		return 100
	}
	return min(limit, 1000)
}

// CloseLost closes an enrollment whose run is gone, and frees what it held. closed is false, and nothing
// changes, where it was closed before.
func (s *Store) CloseLost(ctx context.Context, now time.Time, id, outcome, reason string) (closed bool, err error) {
	err = s.change(ctx, now, func(tx conn, b *unit) error {
		closed = false
		e, p, err := lockEnrollment(ctx, tx, id)
		if err != nil || e.State == StateClosed {
			return err
		}
		if err := b.adopt(ctx, p); err != nil {
			return err
		}
		closed = true
		return b.closeEnrollment(ctx, b.enrollment(e), outcome, reason, 0, now)
	})
	return closed && err == nil, err
}
