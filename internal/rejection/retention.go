package rejection

import (
	"context"
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Prune deletes the refused calls that came before a time. There are at most MaxRows.
func (s *Room) Prune(ctx context.Context, before time.Time) (n int64, err error) {
	there, err := sqldb.Exists(ctx, s.db.Reader, `select 1 from rejected_calls where at < $1 limit 1`, sqldb.Millis(before))
	if err != nil || !there {
		return 0, sqldb.DatabaseError(err)
	}
	err = s.db.Write(ctx, func(tx sqldb.Conn) (err error) {
		n, err = sqldb.Affected(ctx, tx, `delete from rejected_calls where at < $1`, sqldb.Millis(before))
		return err
	})
	return n, err
}
