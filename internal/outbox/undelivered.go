package outbox

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Undelivered returns the event ids of an enrollment's deliveries that arrived by at (virtual time) and are not done,
// oldest first, at most ten. It returns ErrSuperseded if the enrollment belongs to another run.
func (s *Room) Undelivered(ctx context.Context, ref contract.Ref, at time.Time) ([]string, error) {
	var ids []string
	err := s.db.Read(ctx, func(tx sqldb.Conn) error {
		ids = nil
		e, err := s.db.EnrollmentOf(ctx, tx, ref.Enrollment)
		if errors.Is(err, sqldb.ErrNotFound) || err == nil && e.Chain != ref.Chain && (e.Chain != "" || e.State == unit.StateClosed) {
			return unit.ErrSuperseded
		}
		if err != nil || !e.Pending() {
			return err
		}
		return sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
			var id string
			err := r.Scan(&id)
			ids = append(ids, id)
			return err
		}, `select event from outbox where enrollment = $1 and seq >= $2 and at <= $3 and kind not in ($4, $5) order by seq limit 10`,
			e.ID, e.Head, sqldb.Millis(at), DeliverStart, DeliverEntry)
	})
	return ids, err
}

// Depth returns the number of deliveries that are not done, at most limit. It reads no more rows than limit.
func (s *Room) Depth(ctx context.Context, limit int) (int, error) {
	var n int
	err := s.db.Reader.QueryRowContext(ctx, `select count(*) from (select 1 from outbox limit $1) as waiting`, limit).Scan(&n)
	return n, sqldb.DatabaseError(err)
}

// StartsPending returns those of the enrollments whose start is still in the outbox.
func (s *Room) StartsPending(ctx context.Context, ids []string) (map[string]bool, error) {
	pending := map[string]bool{}
	err := sqldb.Within(ctx, s.db.Reader, `select enrollment from outbox where kind = $1 and enrollment in (%s)`, sqldb.Sorted(ids),
		func(r *sql.Rows) error {
			var id string
			err := r.Scan(&id)
			pending[id] = true
			return err
		}, DeliverStart)
	return pending, sqldb.DatabaseError(err)
}
