package message

import (
	"context"
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// Why a send was given up: its instance ended, or went on elsewhere while quiet hours held it.
const (
	reasonEnded   = "JOURNEY_ENDED"
	reasonMovedOn = "REROUTED"
)

// AbandonSends gives up the sends that a reroute or a person took an instance away from: one that quiet hours
// held; one that was being repeated, which gives its place in the limits back unless it may have gone out; and
// one whose attempt told nothing, which may have. key is of the visit that it is at, if known: an earlier visit
// of the same step is left too.
func AbandonSends(ctx context.Context, tx sqldb.Conn, enrollmentID, step, key string,
	dropOffers func(ctx context.Context, tx sqldb.Conn, keys string, args ...any) error) error {
	const left = ` and (step <> $2 or $3 <> '' and key <> $3)`
	if any, err := sqldb.Exists(ctx, tx, `select 1 from sends where enrollment = $1 and status in ('held', 'retry', 'sending')`+left+
		` limit 1`, enrollmentID, step, key); err != nil ||
		!any {
		return err
	}
	if _, err := tx.ExecContext(ctx, `update sends set status = 'suppressed', reason = '`+reasonMovedOn+
		`', until_at = 0 where enrollment = $1 and status = 'held'`+left, enrollmentID, step, key); err != nil {
		return err
	}
	if err := dropOffers(ctx, tx, `select key from sends where enrollment = $1 and status = 'retry'`+left+` and action <> ''`,
		enrollmentID, step, key); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `update sends set outcome_unknown = case when status = 'sending' then 1 else outcome_unknown end,
		unknown_count = unknown_count + case when status = 'sending' then 1 else 0 end, status = 'failed', reason = '`+reasonMovedOn+`'
		where enrollment = $1 and status in ('retry', 'sending')`+left, enrollmentID, step, key)
	return err
}

// HeldSends finds a send of the enrollment $1 that is not settled.
const HeldSends = `select 1 from sends where enrollment = $1 and status in ('sending', 'retry', 'held')`

// ReleaseSends settles the sends of an enrollment that ends.
func ReleaseSends(ctx context.Context, b *unit.Unit, e *unit.EnrollmentRow, _ string, at time.Time) error {
	if _, err := b.Tx.ExecContext(ctx, `update sends set outcome_unknown = case when status = 'sending' then 1 else outcome_unknown end,
		unknown_count = unknown_count + case when status = 'sending' then 1 else 0 end, status = 'failed', reason = '`+reasonEnded+
		`', at = $2
		where enrollment = $1 and status in ('sending', 'retry')`, e.ID, sqldb.Millis(at)); err != nil {
		return err
	}
	_, err := b.Tx.ExecContext(ctx, `update sends set status = 'suppressed', reason = '`+reasonEnded+`', at = $2, until_at = 0
		where enrollment = $1 and status = 'held'`, e.ID, sqldb.Millis(at))
	return err
}
