package store

import (
	"context"
	"database/sql"
	"math"
	"slices"
	"time"
)

func (s *IntentRoom) pruneEvidence(ctx context.Context, now time.Time, before int64, after string, limit int, out *Pruned) error {
	rel, err := s.db.current(ctx, s.db.reader)
	if err != nil {
		return databaseError(err)
	}
	if rel.intents == nil {
		return nil
	}
	var page []string
	if err := rows(ctx, s.db.reader, func(r *sql.Rows) error {
		var id string
		err := r.Scan(&id)
		page = append(page, id)
		return err
	}, `select customer from intents where customer > $1 group by customer order by customer limit $2`, after, limit); err != nil {
		return databaseError(err)
	}
	type spent struct {
		customer, intent string
		until            int64
		most             float64
	}
	var found []spent
	for _, name := range rel.intents.names {
		intentName, most := rel.intents.book.Intents[name], 0.0
		for _, e := range intentName.Evidence {
			most = max(most, math.Abs(e.Weight))
		}
		if most <= 0 || len(page) == 0 {
			continue
		}
		until := min(before, millis(now.Add(-time.Duration(float64(intentName.HalfLife)*max(0, math.Log2(most/leastLeft))))))
		if err := within(ctx, s.db.reader, `select distinct customer from intent_evidence where intent = $1 and kind = 'event' and at < $2 and abs(weight) <= $3 and customer in (%s)`, page, func(r *sql.Rows) error {
			one := spent{intent: name, until: until, most: most}
			err := r.Scan(&one.customer)
			found = append(found, one)
			return err
		}, name, until, most); err != nil {
			return databaseError(err)
		}
	}
	if len(page) >= limit {
		out.Next = page[len(page)-1]
	}
	for part := range slices.Chunk(found, 20) { // others write between
		if err := s.db.write(ctx, func(tx conn) error {
			deleted := int64(0)
			for _, one := range part {
				n, err := affected(ctx, tx, `delete from intent_evidence where customer = $1 and intent = $2 and kind = 'event' and at < $3 and abs(weight) <= $4`, one.customer, one.intent, one.until, one.most)
				if err != nil {
					return err
				}
				deleted += n
			}
			out.Evidence += deleted
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}
