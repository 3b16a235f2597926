package enrollment

import (
	"context"
	"database/sql"

	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// The ends of an enrollment's queue, its lease and its due time are columns of the enrollment, so that a lease, a new
// entry or a delivery changes one row. The outbox decides when they change (see outbox.Queues). The statements are here,
// because enrollments belong to this room. See docs/decisions/0014.
var _ outbox.Queues = Table{}

// Due implements outbox.Queues.
func (Table) Due(ctx context.Context, tx sqldb.Conn, from, now int64, failures, limit int) ([]string, error) {
	var ids []string
	err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
		var id string
		err := r.Scan(&id)
		ids = append(ids, id)
		return err
	}, `select id from enrollments where next_seq <= last_seq and due_at >= $3 and due_at <= $1 and lease_until <= $1 and
		attempts < $4 order by due_at, queued_at, id limit $2`, now, limit, from, failures)
	return ids, err
}

// Lease implements outbox.Queues.
func (Table) Lease(ctx context.Context, tx sqldb.Conn, ids []string, now, until int64) ([]*unit.EnrollmentRow, error) {
	var out []*unit.EnrollmentRow
	err := sqldb.Within(ctx, tx, `update enrollments set lease_token = lease_token + 1, lease_until = $2
		where id in (%s) and next_seq <= last_seq and due_at <= $1 and lease_until <= $1 returning `+enrollmentColumns, ids,
		func(r *sql.Rows) error {
			e, err := scanEnrollment(r)
			out = append(out, e)
			return err
		}, now, until)
	return out, err
}

// Holds implements outbox.Queues.
func (Table) Holds(ctx context.Context, tx sqldb.Conn, id string, token, seq int64) (bool, error) {
	return sqldb.Exists(
		ctx,
		tx,
		`select 1 from enrollments where id = $1 and lease_token = $2 and next_seq <= $3 and state <> 'closed'`,
		id,
		token,
		seq,
	)
}

// Advance implements outbox.Queues.
func (Table) Advance(ctx context.Context, tx sqldb.Conn, id string, token, seq, due int64) error {
	return ofLease(sqldb.Affected(ctx, tx, `update enrollments set lease_until = 0, next_seq = $2 + 1, attempts = 0, last_error = '',
		due_at = case when last_seq > $2 then cast($4 as bigint) else 0 end,
		queued_at = coalesce((`+outbox.OldestAfter+`), enrollments.queued_at)
		where id = $1 and lease_token = $3 and next_seq <= $2`, id, seq, token, due))
}

// Release implements outbox.Queues.
func (Table) Release(ctx context.Context, tx sqldb.Conn, id string, token int64) error {
	return ofLease(sqldb.Affected(ctx, tx, `update enrollments set lease_until = 0 where id = $1 and lease_token = $2`, id, token))
}

// Fail implements outbox.Queues.
func (Table) Fail(ctx context.Context, tx sqldb.Conn, id string, token int64, cause string, due int64) error {
	return ofLease(sqldb.Affected(ctx, tx, `update enrollments set lease_until = 0, attempts = attempts + 1, last_error = $3, due_at = $4
		where id = $1 and lease_token = $2`, id, token, cause, due))
}

// ofLease returns ErrSuperseded for a statement that found no row with the lease's token.
func ofLease(n int64, err error) error {
	if err == nil && n == 0 {
		err = unit.ErrSuperseded
	}
	return err
}

// Stop implements outbox.Queues.
func (Table) Stop(ctx context.Context, tx sqldb.Conn, id, cause string, due int64) error {
	_, err := tx.ExecContext(
		ctx,
		`update enrollments set due_at = $2, attempts = attempts + 1, last_error = $3, lease_until = 0 where id = $1`,
		id,
		due,
		cause,
	)
	return err
}

// Shorten implements outbox.Queues. The new token keeps the holder of a lease from marking deliveries by their old numbers.
func (Table) Shorten(ctx context.Context, tx sqldb.Conn, id string, last int64) error {
	_, err := tx.ExecContext(ctx, `update enrollments set last_seq = $2, lease_token = lease_token + 1, lease_until = 0 where id = $1`, id,
		last)
	return err
}

// Restart implements outbox.Queues.
func (Table) Restart(ctx context.Context, tx sqldb.Conn, id string) error {
	_, err := tx.ExecContext(ctx, `update enrollments set due_at = 0, attempts = 0, last_error = '' where id = $1`, id)
	return err
}

// EnterDeferred implements outbox.Queues.
func (Table) EnterDeferred(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, event, body string, at int64) error {
	return retryDeferredEntry(ctx, b, p, event, body, at)
}

// CloseUnstarted implements outbox.Queues.
func (Table) CloseUnstarted(ctx context.Context, b *unit.Unit, e *unit.EnrollmentRow) error {
	return dropStart(ctx, b, e)
}
