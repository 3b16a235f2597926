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

// PruneEvidence deletes evidence of kind event that is older than keep (virtual time) and whose remaining weight is below
// leastLeft. It looks at no more than limit customers with an id greater than after, in id order. It returns the number of
// deleted rows and the next after, which is empty at the end. Scores do not change, and a new definition recomputes them from
// the events. Evidence from classified messages and from scores that an operator set is kept.
func (s *Room) PruneEvidence(ctx context.Context, now time.Time, keep time.Duration, after string, limit int) (n int64, next string,
	err error) {
	before := sqldb.Millis(now.Add(-keep))
	rel, err := s.db.Current(ctx, s.db.Reader)
	if err != nil {
		return 0, "", sqldb.DatabaseError(err)
	}
	if rel.Intents == nil {
		return 0, "", nil
	}
	var page []string
	if err := sqldb.Rows(ctx, s.db.Reader, func(r *sql.Rows) error {
		var id string
		err := r.Scan(&id)
		page = append(page, id)
		return err
	}, `select customer from intents where customer > $1 group by customer order by customer limit $2`, after, limit); err != nil {
		return 0, "", sqldb.DatabaseError(err)
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
		if most <= 0 || len(page) == 0 {
			continue
		}
		until := min(before, sqldb.Millis(now.Add(-time.Duration(float64(intentName.HalfLife)*max(0, math.Log2(most/leastLeft))))))
		if err := sqldb.Within(ctx, s.db.Reader, `select distinct customer from intent_evidence where intent = $1 and kind = 'event' and
		at < $2 and abs(weight) <= $3 and customer in (%s)`, page, func(r *sql.Rows) error {
			one := spent{intent: name, until: until, most: most}
			err := r.Scan(&one.customer)
			found = append(found, one)
			return err
		}, name, until, most); err != nil {
			return 0, "", sqldb.DatabaseError(err)
		}
	}
	if len(page) >= limit {
		next = page[len(page)-1]
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
			return n, next, err
		}
	}
	return n, next, nil
}

// PruneClassifications deletes how events were classified that retention has deleted.
func (s *Room) PruneClassifications(ctx context.Context, events []string) error {
	return s.db.Write(ctx, func(tx sqldb.Conn) error {
		_, err := sqldb.AffectedWithin(ctx, tx, `delete from classifications where event in (%s)`, events)
		return err
	})
}
