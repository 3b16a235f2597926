package engine

import (
	"context"
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// DefaultKeep is how long decisions are kept, in virtual time, unless configured otherwise.
const DefaultKeep = 400 * 24 * time.Hour

// Pruned is the result of Prune.
type Pruned struct {
	Decisions int64
	Evidence  int64
	Next      string // after for the next call; empty: the last customer was reached
	More      bool   // more decisions can be deleted at once
}

// Prune deletes at most limit decisions that are older than keep (virtual time), except those of open enrollments. Of at
// most limit customers after after, in id order, it also deletes evidence from events that is older than keep and has
// almost no weight left. Scores do not change, and a new definition recomputes them from the events. Evidence from
// classified messages and from scores that a person set is kept.
func (s *Engine) Prune(ctx context.Context, now time.Time, keep time.Duration, after string, limit int) (Pruned, error) {
	var out Pruned
	before := sqldb.Millis(now.Add(-keep))
	const old = `select d.key from decisions d where d.at < $1 and not exists (select 1 from enrollments e where e.id = d.enrollment and
	e.state <> 'closed') order by d.at limit $2`
	there, err := sqldb.Exists(ctx, s.Units.Reader, `select 1 from (`+old+`) as old`, before, 1)
	if err != nil {
		return out, sqldb.DatabaseError(err)
	}
	if there {
		if err := s.Units.Write(ctx, func(tx sqldb.Conn) (err error) {
			out.Decisions, err = sqldb.Affected(ctx, tx, `delete from decisions where key in (`+old+`)`, before, limit)
			return err
		}); err != nil {
			return out, err
		}
		out.More = out.Decisions >= int64(limit)
	}
	out.Evidence, out.Next, err = s.Intents.PruneEvidence(ctx, now, before, after, limit)
	return out, err
}
