package outbox

import (
	"context"
	"database/sql"
	"slices"

	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// TurnOfTheOthers is how often a lease begins with those that come last otherwise, so that nobody starves.
const TurnOfTheOthers = 4

// due lists enrollments to lease, in the order of their turn.
func (s *OutboxRoom) due(ctx context.Context, now int64, limit int) ([]string, error) {
	var ids []string
	read := func(from int) error {
		return sqldb.Rows(ctx, s.db.Reader, func(r *sql.Rows) error {
			var id string
			err := r.Scan(&id)
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
			return err
		}, `select id from enrollments where next_seq <= last_seq and due_at >= $3 and due_at <= $1 and lease_until <= $1 order by
		due_at, queued_at, id limit $2`, now, limit, from)
	}
	switch n := s.Leased.Add(1); {
	case n%(2*TurnOfTheOthers) == 0:
		if err := read(unit.LaneServed); err != nil {
			return nil, err
		}
	case n%TurnOfTheOthers == 0:
		if err := read(unit.LaneCrowded); err != nil {
			return nil, err
		}
	}
	if len(ids) < limit {
		if err := read(unit.LaneFresh); err != nil {
			return nil, err
		}
	}
	return ids[:min(len(ids), limit)], nil
}
