package message

import (
	"context"
	"database/sql"
	"time"

	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/retention"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Prune deletes up to limit sends that are older than before, unless they wait, belong to an open enrollment, or count for a frequency
// cap of the current release.
func (s *Room) Prune(ctx context.Context, now, before time.Time, limit int) (n int64, err error) {
	rel, err := s.db.Current(ctx, s.db.Reader)
	if err != nil {
		return 0, sqldb.DatabaseError(err)
	}
	before = catalog.Before(now, before, rel.Lookback().Sends)
	const old = `select s.key from sends s where s.at < $1 and s.status not in ('` + StatusSending + `', '` + contract.StatusRetry +
		`', '` + contract.StatusHeld + `', '` + contract.StatusPaused + `') and not exists (select 1 from enrollment_states e where
		e.id = s.enrollment and e.state <> 'closed') order by s.at limit $2`
	there, err := sqldb.Exists(ctx, s.db.Reader, `select 1 from (`+old+`) as old`, sqldb.Millis(before), 1)
	if err != nil || !there {
		return 0, sqldb.DatabaseError(err)
	}
	err = s.db.Write(ctx, func(tx sqldb.Conn) (err error) {
		n = 0
		var keys []string
		var gone retention.Deleted
		if err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
			var key, channel, status, category string
			err := r.Scan(&key, &channel, &status, &category)
			if category != CategoryTest { // no count has it
				gone.Send(channel, status)
			}
			keys = append(keys, key)
			n++
			return err
		}, `delete from sends where key in (`+old+`) returning key, channel, status, category`, sqldb.Millis(before), limit); err != nil {
			return err
		}
		if err := dropTracking(ctx, tx, keys); err != nil {
			return err
		}
		return retention.AddDeleted(ctx, tx, gone)
	})
	return n, err
}
