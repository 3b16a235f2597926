package handoff

import (
	"context"
	"database/sql"
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Prune deletes up to limit hand-offs of customers that were closed before a time, unless their enrollment is open.
func (s *Room) Prune(ctx context.Context, before time.Time, customers []string, limit int) (n int64, err error) {
	var old []string
	if err := sqldb.Within(ctx, s.db.Reader, `select h.id from handoffs h where h.state in ('`+HandoffResolved+`', '`+HandoffWithdrawn+
		`') and h.closed_at < $1 and not exists (select 1 from enrollment_states e where e.id = h.enrollment and e.state <> 'closed') and
		h.customer in (%s) limit $2`, customers, func(r *sql.Rows) error {
		var id string
		err := r.Scan(&id)
		old = append(old, id)
		return err
	}, sqldb.Millis(before), limit); err != nil || len(old) == 0 {
		return 0, sqldb.DatabaseError(err)
	}
	err = s.db.Write(ctx, func(tx sqldb.Conn) (err error) {
		n, err = sqldb.AffectedWithin(ctx, tx, `delete from handoffs where id in (%s)`, old)
		return err
	})
	return n, err
}
