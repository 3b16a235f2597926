package store

import (
	"context"
	"database/sql"
	"slices"
)

// Lanes of due_at. What has to wait behind others is due in the past all the same.
const (
	laneFresh   = 0 // it has not had a turn
	laneCrowded = 1 // of a customer with more than crowd instances that wait
	laneServed  = 2 // from here on: the moment of its last turn, or of its next attempt
)

// turnOfTheOthers is how often a lease begins with those that come last otherwise, so that nobody starves.
const turnOfTheOthers = 4

// due lists enrollments to lease, in the order of their turn.
func (s *Store) due(ctx context.Context, now int64, limit int) ([]string, error) {
	var ids []string
	read := func(from int) error {
		return rows(ctx, s.reader, func(r *sql.Rows) error {
			var id string
			err := r.Scan(&id)
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
			return err
		}, `select id from enrollments where next_seq <= last_seq and due_at >= $3 and due_at <= $1 and lease_until <= $1 order by due_at, queued_at, id limit $2`, now, limit, from)
	}
	switch n := s.leased.Add(1); {
	case n%(2*turnOfTheOthers) == 0:
		if err := read(laneServed); err != nil {
			return nil, err
		}
	case n%turnOfTheOthers == 0:
		if err := read(laneCrowded); err != nil {
			return nil, err
		}
	}
	if len(ids) < limit {
		if err := read(laneFresh); err != nil {
			return nil, err
		}
	}
	return ids[:min(len(ids), limit)], nil
}

// crowd is how many instances of a customer may wait for deliveries at once before they come behind everybody else's.
const crowd = 8

// lanes gives the lane of an enrollment whose queue was empty: one customer's many instances are not served
// before others' few.
func (b *unit) lanes() func(e *enrollment) int64 {
	waiting := map[string]int{}
	return func(e *enrollment) int64 {
		n, counted := waiting[e.Customer]
		if !counted {
			if p := b.people[e.Customer]; p != nil {
				for _, own := range p.open {
					if own.pending() {
						n++
					}
				}
			}
			waiting[e.Customer] = n
		}
		if n > crowd {
			return laneCrowded
		}
		return laneFresh
	}
}
