package store

import (
	"context"
	"database/sql"
	"math"
	"slices"
	"time"
)

// DefaultKeep is how long decisions are kept, in virtual time, unless configured otherwise.
const DefaultKeep = 400 * 24 * time.Hour

// leastLeft is what is left of evidence that says nothing any more.
const leastLeft = 1e-4

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
func (s *Store) Prune(ctx context.Context, now time.Time, keep time.Duration, after string, limit int) (Pruned, error) {
	var out Pruned
	before := millis(now.Add(-keep))
	const old = `select d.key from decisions d where d.at < $1 and not exists (select 1 from enrollments e where e.id = d.enrollment and e.state <> 'closed') order by d.at limit $2`
	there, err := exists(ctx, s.reader, `select 1 from (`+old+`) as old`, before, 1)
	if err != nil {
		return out, databaseError(err)
	}
	if there {
		if err := s.write(ctx, func(tx conn) (err error) {
			out.Decisions, err = affected(ctx, tx, `delete from decisions where key in (`+old+`)`, before, limit)
			return err
		}); err != nil {
			return out, err
		}
		out.More = out.Decisions >= int64(limit)
	}
	return out, s.pruneEvidence(ctx, now, before, after, limit, &out)
}

func (s *Store) pruneEvidence(ctx context.Context, now time.Time, before int64, after string, limit int, out *Pruned) error {
	rel, err := s.current(ctx, s.reader)
	if err != nil {
		return databaseError(err)
	}
	if rel.intents == nil {
		return nil
	}
	var page []string
	if err := rows(ctx, s.reader, func(r *sql.Rows) error {
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
		intent, most := rel.intents.book.Intents[name], 0.0
		for _, e := range intent.Evidence {
			most = max(most, math.Abs(e.Weight))
		}
		if most <= 0 || len(page) == 0 {
			continue
		}
		until := min(before, millis(now.Add(-time.Duration(float64(intent.HalfLife)*max(0, math.Log2(most/leastLeft))))))
		if err := within(ctx, s.reader, `select distinct customer from intent_evidence where intent = $1 and kind = 'event' and at < $2 and abs(weight) <= $3 and customer in (%s)`, page, func(r *sql.Rows) error {
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
		if err := s.write(ctx, func(tx conn) error {
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
