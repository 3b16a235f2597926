package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// enrollment is a row with what only the store needs.
type enrollmentRow struct {
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
func (e *enrollmentRow) pending() bool { return e.head <= e.tail }

const enrollmentColumns = `id, workflow_id, journey, revision, customer, instance_key, entry_event, entry_name, depth, entered_at, closed_at, state, outcome, reason, value, holdout,
	first_run_id, report_seq, step, step_kind, since_at, until_at, paused, next_seq, last_seq, attempts, lease_token, migrating_to`

// revisions are those by which an instance may take what is delivered now: its own, and the one it was told to
// go over to.
func (e *enrollmentRow) revisions() []string {
	if e.moving == "" || e.moving == e.Revision {
		return []string{e.Revision}
	}
	return []string{e.Revision, e.moving}
}

func scanEnrollment(r scanner) (*enrollmentRow, error) {
	var e enrollmentRow
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
func enrollmentOf(ctx context.Context, tx conn, id string) (*enrollmentRow, error) {
	e, err := scanEnrollment(tx.QueryRowContext(ctx, `select `+enrollmentColumns+` from enrollments where id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	return e, err
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
func claimed(ctx context.Context, tx conn, id, chain string) (*enrollmentRow, *lockedCustomer, error) {
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
func notMine(e *enrollmentRow, chain string, err error) error {
	if !replayed(e, chain, err) {
		return err
	}
	return &EndedError{contract.Ended{Outcome: e.Outcome, Reason: e.Reason, Value: e.Value, At: e.ClosedAt}}
}

// replayed reports whether a claim failed only because this chain has itself ended the enrollment. A run whose
// last workflow task was lost behind its last report does that task again: what it asks once more is answered
// as before, and nothing new is done for it.
func replayed(e *enrollmentRow, chain string, claim error) bool {
	return errors.Is(claim, ErrSuperseded) && e != nil && e.State == StateClosed && e.Chain == chain
}

// lockEnrollment locks the customer of an enrollment, as the first statement of the transaction, and reads both.
func lockEnrollment(ctx context.Context, tx conn, id string) (*enrollmentRow, *lockedCustomer, error) {
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

// readClaimed reads on behalf of an instance, claiming the enrollment.
func (s *units) readClaimed(ctx context.Context, ref contract.Ref, f func(tx conn, e *enrollmentRow, p *lockedCustomer) error) error {
	unclaimed := false
	look := func(tx conn) error {
		e, err := enrollmentOf(ctx, tx, ref.Enrollment)
		if errors.Is(err, ErrNotFound) {
			return ErrSuperseded
		}
		if err != nil {
			return err
		}
		if unclaimed = e.Chain == ""; unclaimed {
			return nil
		}
		if e.Chain != ref.Chain {
			return ErrSuperseded
		}
		p, err := scanPerson(
			tx.QueryRowContext(ctx, `select id, version, traits, merged_into, created_at from customers where id = $1`, e.Customer),
		)
		if err != nil {
			return err
		}
		return f(tx, e, p)
	}
	err := s.read(ctx, look)
	if err == nil && unclaimed {
		if err = s.write(ctx, func(tx conn) error { return claim(ctx, tx, ref.Enrollment, ref.Chain) }); err == nil {
			err = s.read(ctx, look)
		}
	}
	return err
}

// mergeEnrollments moves the enrollments of a customer to another.
func mergeEnrollments(ctx context.Context, b *unit, gone, survivor *lockedCustomer) error {
	if gone.unused() {
		return nil
	}
	_, err := b.tx.ExecContext(ctx, `update enrollments set customer = $2 where customer = $1`, gone.id, survivor.id)
	return err
}

// openRevisions counts the enrollments that need a revision: those on it, and those that were ordered to migrate to it.
func openRevisions(ctx context.Context, tx conn) (map[string]int, error) {
	out := map[string]int{}
	err := rows(ctx, tx, func(r *sql.Rows) error {
		var revision string
		var n int
		err := r.Scan(&revision, &n)
		out[revision] = n
		return err
	}, `select revision, count(*) from (
		select revision from enrollments where state <> 'closed'
		union all select migrating_to from enrollments where state <> 'closed' and migrating_to <> '' and migrating_to <> revision
	) as named group by revision`)
	return out, err
}
