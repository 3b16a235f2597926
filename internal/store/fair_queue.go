package store

import (
	"context"
	"database/sql"
	"slices"
)

// turnOfTheOthers is how often a lease begins with those that come last otherwise, so that nobody starves.
const turnOfTheOthers = 4

// due lists enrollments to lease, in the order of their turn.
func (s *OutboxRoom) due(ctx context.Context, now int64, limit int) ([]string, error) {
	var ids []string
	read := func(from int) error {
		return rows(ctx, s.db.reader, func(r *sql.Rows) error {
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
