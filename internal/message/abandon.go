package message

import (
	"context"
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// Reasons of a send that was abandoned: its enrollment ended, or moved to another step while quiet hours held the send.
const (
	reasonEnded   = "JOURNEY_ENDED"
	reasonMovedOn = "REROUTED"
)

// AbandonSends closes the sends of steps that an enrollment has left by a reroute or by an operator's command. A held send
// is suppressed. A send that waits for a retry fails; it no longer counts for the limits unless it may have gone out. A
// send that is in progress fails and is marked as unknown, since it may have gone out. step is where the enrollment is
// now; key, if known, is the key of that visit, so that sends of an earlier visit to the same step are closed too.
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

// OnClose settles the sends of an enrollment that ends.
var OnClose = unit.Holder{Holds: heldSends, Release: releaseSends}

const heldSends = `select 1 from sends where enrollment = $1 and status in ('sending', 'retry', 'held')`

func releaseSends(ctx context.Context, b *unit.Unit, e *unit.EnrollmentRow, _ string, at time.Time) error {
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

// Revive takes back what OnClose did to the sends of an enrollment that begins again because its run was lost: sends that
// were held or waited for a retry, and of which no attempt may have gone out, are decided again under their keys. A send
// whose attempt was in progress stays failed, with an unknown outcome: it may have gone out.
func Revive(ctx context.Context, tx sqldb.Conn, enrollmentID string) error {
	_, err := tx.ExecContext(ctx, `delete from sends where enrollment = $1 and reason = '`+reasonEnded+
		`' and status in ('suppressed', 'failed') and outcome_unknown = 0`, enrollmentID)
	return err
}
