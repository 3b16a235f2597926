package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Undelivered lists the ids of an instance's deliveries that arrived by at (virtual) and are not marked as done,
// oldest first, at most ten. ErrNotMine where the enrollment is another run's.
func (s *OutboxRoom) Undelivered(ctx context.Context, ref contract.Ref, at time.Time) ([]string, error) {
	var ids []string
	err := s.db.read(ctx, func(tx conn) error {
		ids = nil
		e, err := enrollmentOf(ctx, tx, ref.Enrollment)
		if errors.Is(err, ErrNotFound) || err == nil && e.Chain != ref.Chain && (e.Chain != "" || e.State == StateClosed) {
			return ErrSuperseded
		}
		if err != nil || !e.pending() {
			return err
		}
		return rows(ctx, tx, func(r *sql.Rows) error {
			var id string
			err := r.Scan(&id)
			ids = append(ids, id)
			return err
		}, `select event from outbox where enrollment = $1 and seq >= $2 and at <= $3 and kind not in ($4, $5) order by seq limit 10`,
			e.ID, e.head, millis(at), deliverStart, deliverEntry)
	})
	return ids, err
}

// Depth counts the deliveries that are not done, up to limit: it reads no more than that.
func (s *OutboxRoom) Depth(ctx context.Context, limit int) (int, error) {
	var n int
	err := s.db.reader.QueryRowContext(ctx, `select count(*) from (select 1 from outbox limit $1) as waiting`, limit).Scan(&n)
	return n, databaseError(err)
}
