package offer

import (
	"context"
	"database/sql"
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

// PruneOffers deletes up to limit offers of customers whose outcome was learned before a time.
func (s *Room) PruneOffers(ctx context.Context, before time.Time, customers []string, limit int) (n int64, err error) {
	var old []string
	if err := sqldb.Within(ctx, s.db.Reader, `select key from offers where learned = 1 and outcome <> '' and resolved_at < $1 and
		decided_at < $1 and customer in (%s) limit $2`, customers, func(r *sql.Rows) error {
		var key string
		err := r.Scan(&key)
		old = append(old, key)
		return err
	}, sqldb.Millis(before), limit); err != nil || len(old) == 0 {
		return 0, sqldb.DatabaseError(err)
	}
	err = s.db.Write(ctx, func(tx sqldb.Conn) (err error) {
		n, err = sqldb.AffectedWithin(ctx, tx, `delete from offers where key in (%s)`, old)
		return err
	})
	return n, err
}
