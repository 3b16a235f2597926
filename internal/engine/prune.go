package engine

import (
	"context"
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// DefaultKeep is how long decisions are kept, in virtual time, unless configured otherwise.
const DefaultKeep = 400 * 24 * time.Hour

// Pruned is what one call of Prune did.
type Pruned struct {
	Decisions int64
	Evidence  int64
	Next      string // after of the next call; empty: it came to the last customer
	More      bool   // there are more decisions to delete at once
}

// Prune deletes, at most limit at a time, decisions that are older than keep (virtual), but those of instances
// that are open; and, of at most limit customers behind after in the order of their ids, events as evidence of
// intents that are as old and of whose weight less than 0.0001 is left. The scores stay as they are, and a
// definition that changes sums them up from the events themselves. What was classified or set by hand is kept.
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
	out.Evidence, out.Next, err = s.IntentRoom.PruneEvidence(ctx, now, before, after, limit)
	return out, err
}
