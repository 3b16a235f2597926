package unit

import (
	"context"
	"database/sql"
	"errors"

	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// An EnrollmentRow is an Enrollment with the columns that only the rooms use.
type EnrollmentRow struct {
	Enrollment
	Depth      int
	ReportSeq  int64
	Head, Tail int64 // first delivery that is not done; last delivery written
	Attempts   int
	Token      int64
	Fresh      bool   // not in the database yet
	Moving     string // the revision that a migration order names
	QueuedAt   int64
}

// Pending reports whether deliveries are waiting.
func (e *EnrollmentRow) Pending() bool { return e.Head <= e.Tail }

const EnrollmentColumns = `id, workflow_id, journey, revision, customer, instance_key, entry_event, entry_name, depth, entered_at,
	closed_at, state, outcome, reason, value, holdout,
	first_run_id, report_seq, step, step_kind, since_at, until_at, paused, next_seq, last_seq, attempts, lease_token, migrating_to`

// Revisions returns the revisions that may read what is delivered now: the enrollment's own, and the one it was ordered
// to migrate to.
func (e *EnrollmentRow) Revisions() []string {
	if e.Moving == "" || e.Moving == e.Revision {
		return []string{e.Revision}
	}
	return []string{e.Revision, e.Moving}
}

func ScanEnrollment(r sqldb.Scanner) (*EnrollmentRow, error) {
	var e EnrollmentRow
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
		&e.Depth,
		&entered,
		&closed,
		&e.State,
		&e.Outcome,
		&e.Reason,
		&e.Value,
		&holdout,
		&e.Chain,
		&e.ReportSeq,
		&e.Step,
		&e.StepKind,
		&since,
		&until,
		&paused,
		&e.Head,
		&e.Tail,
		&e.Attempts,
		&e.Token,
		&e.Moving,
	)
	e.EnteredAt, e.ClosedAt, e.Since, e.Until = sqldb.Moment(entered), sqldb.Moment(closed), sqldb.Moment(since), sqldb.Moment(until)
	e.Holdout, e.Paused = holdout != 0, paused != 0
	return &e, err
}

// EnrollmentOf returns an enrollment, or ErrNotFound.
func EnrollmentOf(ctx context.Context, tx sqldb.Conn, id string) (*EnrollmentRow, error) {
	e, err := ScanEnrollment(tx.QueryRowContext(ctx, `select `+EnrollmentColumns+` from enrollments where id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, sqldb.ErrNotFound
	}
	return e, err
}

// Claim makes chain (a first run id) the owner of an enrollment. It returns ErrSuperseded if the enrollment is closed or
// has another owner.
func Claim(ctx context.Context, tx sqldb.Conn, id, chain string) error {
	n, err := sqldb.Affected(
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

// Claimed reads an enrollment under its customer's lock and claims it.
func Claimed(ctx context.Context, tx sqldb.Conn, id, chain string) (*EnrollmentRow, *LockedCustomer, error) {
	e, p, err := LockEnrollment(ctx, tx, id)
	if errors.Is(err, sqldb.ErrNotFound) {
		return nil, nil, ErrSuperseded
	}
	if err != nil {
		return nil, nil, err
	}
	if e.Chain == chain && chain != "" && e.State != StateClosed {
		return e, p, nil // claimed before
	}
	return e, p, NotMine(e, chain, Claim(ctx, tx, id, chain))
}

// NotMine turns the error of a claim into an EndedError if this chain has ended the enrollment itself.
func NotMine(e *EnrollmentRow, chain string, err error) error {
	if !Replayed(e, chain, err) {
		return err
	}
	return &EndedError{contract.Ended{Outcome: e.Outcome, Reason: e.Reason, Value: e.Value, At: e.ClosedAt}}
}

// Replayed reports whether a claim failed only because this chain itself has ended the enrollment. A run whose last
// workflow task was lost after its last report repeats that task: repeated requests get the same answer as before, and
// nothing new is done.
func Replayed(e *EnrollmentRow, chain string, claim error) bool {
	return errors.Is(claim, ErrSuperseded) && e != nil && e.State == StateClosed && e.Chain == chain
}

// LockEnrollment locks an enrollment's customer and returns both. It must be the first statement of the transaction. It
// returns ErrAgain if the customer was merged while the transaction waited for the lock.
func LockEnrollment(ctx context.Context, tx sqldb.Conn, id string) (*EnrollmentRow, *LockedCustomer, error) {
	p, err := ScanPerson(tx.QueryRowContext(
		ctx,
		`update customers set version = version + 1 where id = (select customer from enrollments where id = $1) returning id, version,
		traits, merged_into, created_at`,
		id,
	))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, sqldb.ErrNotFound
	}
	if err != nil {
		return nil, nil, err
	}
	p.Locked = true
	e, err := EnrollmentOf(ctx, tx, id)
	if err != nil {
		return nil, nil, err
	}
	if e.Customer != p.ID { // merged while we waited for the lock
		return nil, nil, sqldb.ErrAgain
	}
	return e, p, nil
}

// ReadClaimed runs f in a read transaction for a run, which claims the enrollment first if nobody has.
func (s *Units) ReadClaimed(ctx context.Context, ref contract.Ref, f func(tx sqldb.Conn, e *EnrollmentRow, p *LockedCustomer) error) error {
	unclaimed := false
	look := func(tx sqldb.Conn) error {
		e, err := EnrollmentOf(ctx, tx, ref.Enrollment)
		if errors.Is(err, sqldb.ErrNotFound) {
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
		p, err := ScanPerson(
			tx.QueryRowContext(ctx, `select id, version, traits, merged_into, created_at from customers where id = $1`, e.Customer),
		)
		if err != nil {
			return err
		}
		return f(tx, e, p)
	}
	err := s.Read(ctx, look)
	if err == nil && unclaimed {
		if err = s.Write(ctx, func(tx sqldb.Conn) error { return Claim(ctx, tx, ref.Enrollment, ref.Chain) }); err == nil {
			err = s.Read(ctx, look)
		}
	}
	return err
}

// MergeEnrollments moves the enrollments of gone to survivor.
func MergeEnrollments(ctx context.Context, b *Unit, gone, survivor *LockedCustomer) error {
	if gone.Unused() {
		return nil
	}
	_, err := b.Tx.ExecContext(ctx, `update enrollments set customer = $2 where customer = $1`, gone.ID, survivor.ID)
	return err
}

// OpenRevisions counts the enrollments that need a revision: those on it, and those that were ordered to migrate to it.
func OpenRevisions(ctx context.Context, tx sqldb.Conn) (map[string]int, error) {
	out := map[string]int{}
	err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
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
