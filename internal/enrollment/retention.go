package enrollment

import (
	"context"
	"database/sql"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/retention"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// reentrySlack is added to the window of a re-entry rule, which begins at a local time of day.
const reentrySlack = 3 * 24 * time.Hour

// Prune deletes up to limit closed enrollments of customers, with their steps and migrations, that ended before a time. The last one by
// which re-entry is decided stays: forever with `reentry: never`, and within the window of `after`. Where the journey is in
// no current release, the last one stays, because a later release may ask for it.
func (s *Room) Prune(ctx context.Context, now, before time.Time, customers []string, limit int) (n int64, err error) {
	rel, err := s.db.Current(ctx, s.db.Reader)
	if err != nil {
		return 0, sqldb.DatabaseError(err)
	}
	var old []string
	if err := sqldb.Within(ctx, s.db.Reader, `select e.id, e.journey, e.entered_at, case when exists (select 1 from enrollments n where
		n.customer = e.customer and n.journey = e.journey and n.instance_key = e.instance_key and n.entered_at > e.entered_at) then 1
		else 0 end from enrollments e where e.state = 'closed' and e.closed_at < $1 and e.customer in (%s)`, customers,
		func(r *sql.Rows) error {
			var id, name string
			var entered int64
			var superseded int
			if err := r.Scan(&id, &name, &entered, &superseded); err != nil {
				return err
			}
			if len(old) < limit && (superseded == 1 || !decidesReentry(rel.Programs[name], now, entered)) {
				old = append(old, id)
			}
			return nil
		}, sqldb.Millis(before)); err != nil || len(old) == 0 {
		return 0, sqldb.DatabaseError(err)
	}
	err = s.db.Write(ctx, func(tx sqldb.Conn) (err error) {
		for _, query := range []string{
			`delete from step_visits where enrollment in (%s)`, `delete from migrations where enrollment in (%s)`,
		} {
			if _, err := sqldb.AffectedWithin(ctx, tx, query, old); err != nil {
				return err
			}
		}
		n = 0
		var gone retention.Deleted
		if err := sqldb.Within(ctx, tx, `delete from enrollments where state = 'closed' and id in (%s) returning journey, outcome`, old,
			func(r *sql.Rows) error {
				var name, outcome string
				err := r.Scan(&name, &outcome)
				gone.Outcome(name, outcome, 1)
				n++
				return err
			}); err != nil {
			return err
		}
		return retention.AddDeleted(ctx, tx, gone)
	})
	return n, err
}

// decidesReentry reports whether the last enrollment of a customer in a journey may still keep the customer from entering it again.
func decidesReentry(program *journey.Program, now time.Time, entered int64) bool {
	if program == nil {
		return true
	}
	switch program.Entry.Reentry {
	case journey.ReentryNever:
		return true
	case journey.ReentryAfter:
		return sqldb.Moment(entered).Add(program.Entry.After + reentrySlack).After(now)
	}
	return false
}
