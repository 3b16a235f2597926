package outbox

import (
	"context"
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// PruneDeadLetters deletes up to limit dead letters that were set aside before a time, unless their enrollment is open.
func (s *Room) PruneDeadLetters(ctx context.Context, before time.Time, limit int) (n int64, err error) {
	const old = `select d.enrollment, d.seq from dead_letters d where d.set_at < $1 and not exists (select 1 from enrollment_states e where
		e.id = d.enrollment and e.state <> 'closed') limit $2`
	there, err := sqldb.Exists(ctx, s.db.Reader, `select 1 from (`+old+`) as old`, sqldb.Millis(before), 1)
	if err != nil || !there {
		return 0, sqldb.DatabaseError(err)
	}
	err = s.db.Write(ctx, func(tx sqldb.Conn) (err error) {
		n, err = sqldb.Affected(ctx, tx, `delete from dead_letters where (enrollment, seq) in (`+old+`)`, sqldb.Millis(before), limit)
		return err
	})
	return n, err
}
