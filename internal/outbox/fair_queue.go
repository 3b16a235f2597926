package outbox

import (
	"context"
	"slices"

	"github.com/tabi-journeys/tabi/internal/unit"
)

// TurnOfTheOthers is how often a lease starts with a later lane: every 4th call, with LaneCrowded and LaneServed in turn.
// Without it a steady stream of new deliveries would starve the retries and the customers with many enrollments.
const TurnOfTheOthers = 4

// due returns the ids of at most limit enrollments to lease, in the order in which they are served, without those that have
// failed so often.
//
// The invariant: no enrollment with a due delivery waits forever, and a customer or an enrollment with very many
// deliveries does not delay the others. The column due_at holds both the lane and the time:
//
//	0 LaneFresh    the queue was empty before: first in, first out
//	1 LaneCrowded  the customer has more than unit.Crowd enrollments waiting
//	≥ 2 LaneServed the wall time of the last turn, or of the next attempt after a failure
//
// All lanes are values of one column, so that one index range, ordered by due_at, serves the queue. Example: an import
// puts 5,000 events on Ana's queue. Her enrollment is leased once, 50 deliveries are done, and due_at becomes the wall
// time of that lease. Ben's first delivery has due_at 0 and is leased before her next 50.
//
// Strict order alone would starve the later lanes while new deliveries keep coming, so some calls read them first (see
// TurnOfTheOthers). The counter belongs to the process and is not stored: with several relays each one takes its turns.
// See docs/decisions/0009.
func (s *Room) due(ctx context.Context, now int64, failures, limit int) ([]string, error) {
	var ids []string
	read := func(from int64) error {
		more, err := s.enrollments.Due(ctx, s.db.Reader, from, now, failures, limit)
		for _, id := range more {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		return err
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
