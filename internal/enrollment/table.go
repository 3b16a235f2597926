package enrollment

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// Table is the part of this room that a unit and the outbox use.
type Table struct{}

var _ unit.Enrollments = Table{}

// Get implements unit.Enrollments.
func (Table) Get(ctx context.Context, tx sqldb.Conn, id string) (*unit.EnrollmentRow, error) {
	return Get(ctx, tx, id)
}

// LockCustomer implements unit.Enrollments.
func (Table) LockCustomer(ctx context.Context, tx sqldb.Conn, id string) (*unit.LockedCustomer, error) {
	return customer.LockOwner(ctx, tx, `select customer from enrollments where id = $1`, id)
}

// Open implements unit.Enrollments.
func (Table) Open(ctx context.Context, tx sqldb.Conn, customers []string) ([]*unit.EnrollmentRow, error) {
	var out []*unit.EnrollmentRow
	err := sqldb.Within(
		ctx,
		tx,
		`select `+enrollmentColumns+` from enrollments where customer in (%s) and state <> 'closed'`,
		customers,
		func(r *sql.Rows) error {
			e, err := scanEnrollment(r)
			out = append(out, e)
			return err
		},
	)
	return out, err
}

// Claim implements unit.Enrollments.
func (Table) Claim(ctx context.Context, tx sqldb.Conn, id, chain string) error {
	n, err := sqldb.Affected(
		ctx,
		tx,
		`update enrollments set first_run_id = $2 where id = $1 and state <> 'closed' and (first_run_id = '' or first_run_id = $2)
			and lost_run_id <> $2`,
		id,
		chain,
	)
	if err == nil && n == 0 {
		err = unit.ErrSuperseded
	}
	return err
}

const enrollmentColumns = `id, workflow_id, journey, revision, customer, instance_key, entry_event, entry_name, draw_id, origin,
	depth, entered_at, closed_at, state, outcome, reason, value, holdout,
	first_run_id, report_seq, step, step_kind, since_at, until_at, paused, next_seq, last_seq, attempts, lease_token, migrating_to,
	missing_since, last_error`

func scanEnrollment(r sqldb.Scanner) (*unit.EnrollmentRow, error) {
	var e unit.EnrollmentRow
	var entered, closed, since, until, missing int64
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
		&e.Draw,
		&e.Origin,
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
		&missing,
		&e.DeliveryError,
	)
	e.EnteredAt, e.ClosedAt, e.Since, e.Until = sqldb.Moment(entered), sqldb.Moment(closed), sqldb.Moment(since), sqldb.Moment(until)
	e.Holdout, e.Paused, e.MissingSince = holdout != 0, paused != 0, sqldb.Moment(missing)
	return &e, err
}

// Get returns an enrollment, or ErrNotFound.
func Get(ctx context.Context, tx sqldb.Conn, id string) (*unit.EnrollmentRow, error) {
	e, err := scanEnrollment(tx.QueryRowContext(ctx, `select `+enrollmentColumns+` from enrollments where id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, sqldb.ErrNotFound
	}
	return e, err
}

// Merge is the OnMerge hook of this room: it moves the enrollments of gone to survivor.
func Merge(ctx context.Context, b *unit.Unit, gone, survivor *unit.LockedCustomer) error {
	if gone.Unused() {
		return nil
	}
	_, err := b.Tx.ExecContext(ctx, `update enrollments set customer = $2 where customer = $1`, gone.ID, survivor.ID)
	return err
}

// Split is an OnSplit hook of this room: it moves the enrollments that the ids entered.
func Split(ctx context.Context, b *unit.Unit, s *unit.Parting) error {
	for _, e := range s.From.Open {
		if slices.Contains(s.IDs, e.Origin) {
			e.Customer = s.To.ID
			s.To.Open = append(s.To.Open, e)
		}
	}
	s.From.Open = slices.DeleteFunc(s.From.Open, func(e *unit.EnrollmentRow) bool { return e.Customer == s.To.ID })
	return s.Move(ctx, b, "enrollments", `update enrollments set customer = $1 where customer = $2 and origin in (%s)`, s.IDs)
}

// SplitConditions is an OnSplit hook of this room: it forgets which conditions held, so that none turns true by the split.
func SplitConditions(ctx context.Context, b *unit.Unit, s *unit.Parting) error {
	if err := ForgetConditions(ctx, b, s.From); err != nil {
		return err
	}
	return ForgetConditions(ctx, b, s.To)
}

// OpenRevisions returns how many open enrollments need each revision: those on it, and those that were ordered to migrate
// to it.
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

// Flush is a Flush hook of this room: it writes the new enrollments, and the new ends of the queues of those that exist.
func Flush(ctx context.Context, b *unit.Unit) error {
	lane := unit.LanesOf(b)
	var starts [][]any
	for _, e := range b.Starts {
		e.Fresh = false
		starts = append(
			starts,
			[]any{
				e.ID,
				e.WorkflowID,
				e.Journey,
				e.Revision,
				e.Customer,
				e.Key,
				e.EntryEvent,
				e.EntryName,
				e.Draw,
				e.Origin,
				e.Depth,
				sqldb.Millis(e.EnteredAt),
				e.State,
				sqldb.Flag(e.Holdout),
				e.Tail,
				e.QueuedAt,
				lane(e),
			},
		)
	}
	b.Starts = nil
	if _, err := sqldb.Insert(ctx, b.Tx, "enrollments (id, workflow_id, journey, revision, customer, instance_key, entry_event, "+
		"entry_name, draw_id, origin, depth, entered_at, state, holdout, last_seq, queued_at, due_at)", starts, ""); err != nil {
		return err
	}
	var tails [][]any
	for _, id := range slices.Sorted(maps.Keys(b.Touched)) {
		e := b.Touched[id]
		tails = append(tails, []any{id, e.Tail, sqldb.Millis(b.Now), lane(e)})
	}
	clear(b.Touched)
	return sqldb.Update(ctx, b.Tx, "enrollments", "id", "last_seq = v.column2, queued_at = case when enrollments.next_seq > "+
		"enrollments.last_seq then v.column3 else enrollments.queued_at end, "+
		"due_at = case when enrollments.next_seq > enrollments.last_seq then v.column4 else enrollments.due_at end",
		[]string{"text", "bigint", "bigint", "bigint"}, tails)
}
