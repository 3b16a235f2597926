package offer

import (
	"context"
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// PruneDecisions deletes at most limit decisions that are older than keep (virtual time), except those of open enrollments. It
// returns the number of deleted decisions, and whether more can be deleted at once.
func (s *Room) PruneDecisions(ctx context.Context, now time.Time, keep time.Duration, limit int) (n int64, more bool, err error) {
	before := sqldb.Millis(now.Add(-keep))
	const old = `select d.key from decisions d where d.at < $1 and not exists
	(select 1 from enrollment_states e where e.id = d.enrollment and e.state <> 'closed') order by d.at limit $2`
	there, err := sqldb.Exists(ctx, s.db.Reader, `select 1 from (`+old+`) as old`, before, 1)
	if err != nil {
		return 0, false, sqldb.DatabaseError(err)
	}
	if !there {
		return 0, false, nil
	}
	err = s.db.Write(ctx, func(tx sqldb.Conn) (err error) {
		n, err = sqldb.Affected(ctx, tx, `delete from decisions where key in (`+old+`)`, before, limit)
		return err
	})
	return n, n >= int64(limit), err
}
