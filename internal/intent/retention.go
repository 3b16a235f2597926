package intent

import (
	"context"
	"database/sql"
	"math"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// leastLeft is the remaining weight below which evidence may be deleted.
const leastLeft = 1e-4

// PruneEvidence deletes evidence of kind event that customers have, that is older than keep (virtual time) and whose remaining weight is
// below leastLeft. It returns the number of deleted rows. Scores do not change, and a new definition recomputes them from the events.
// Evidence from classified messages and from scores that an operator set is kept.
func (s *Room) PruneEvidence(ctx context.Context, now time.Time, keep time.Duration, customers []string) (n int64, err error) {
	before := sqldb.Millis(now.Add(-keep))
	rel, err := s.db.Current(ctx, s.db.Reader)
	if err != nil || rel.Intents == nil || len(customers) == 0 {
		return 0, sqldb.DatabaseError(err)
	}
	type spent struct {
		customer, intent string
		until            int64
		most             float64
	}
	var found []spent
	for _, name := range rel.Intents.Names {
		intentName, most := rel.Intents.Book.Intents[name], 0.0
		for _, e := range intentName.Evidence {
			most = max(most, math.Abs(e.Weight))
		}
		if most <= 0 {
			continue
		}
		until := min(before, sqldb.Millis(now.Add(-time.Duration(float64(intentName.HalfLife)*max(0, math.Log2(most/leastLeft))))))
		if err := sqldb.Within(ctx, s.db.Reader, `select distinct customer from intent_evidence where intent = $1 and kind = 'event' and
		at < $2 and abs(weight) <= $3 and customer in (%s)`, customers, func(r *sql.Rows) error {
			one := spent{intent: name, until: until, most: most}
			err := r.Scan(&one.customer)
			found = append(found, one)
			return err
		}, name, until, most); err != nil {
			return 0, sqldb.DatabaseError(err)
		}
	}
	for part := range slices.Chunk(found, 20) { // other writers get a turn between the parts
		if err := s.db.Write(ctx, func(tx sqldb.Conn) error {
			deleted := int64(0)
			for _, one := range part {
				gone, err := sqldb.Affected(ctx, tx, `delete from intent_evidence where customer = $1 and intent = $2 and kind = 'event'
				and at < $3 and abs(weight) <= $4`, one.customer, one.intent, one.until, one.most)
				if err != nil {
					return err
				}
				deleted += gone
			}
			n += deleted
			return nil
		}); err != nil {
			return n, err
		}
	}
	return n, nil
}

// PruneClassifications deletes how events were classified that retention has deleted.
func (s *Room) PruneClassifications(ctx context.Context, events []string) error {
	return s.db.Write(ctx, func(tx sqldb.Conn) error {
		_, err := sqldb.AffectedWithin(ctx, tx, `delete from classifications where event in (%s)`, events)
		return err
	})
}
