package offer_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Old decisions are deleted page by page, except those of open enrollments. Newer ones stay.
func TestOldDecisionsArePruned(t *testing.T) {
	each(t, func(s *suite) {
		s.PublishOffers()
		e := s.Enter("ana", nil)
		s.Decide(s.NewDecide(e, "open"), enginetest.Noon)
		for i := range 3 {
			_, err := s.Offers.DecideInbound(
				s.Ctx,
				enginetest.Noon,
				offer.Inbound{UserID: "ben", Group: "offers", RequestID: fmt.Sprint("r", i)},
			)
			s.Must(err)
		}
		left := func() (keys []string) {
			all, err := s.Offers.Decisions(s.Ctx, offer.DecisionFilter{})
			s.Must(err)
			for _, d := range all {
				keys = append(keys, d.Key)
			}
			return keys
		}
		const keep = 400 * enginetest.Day
		n, more, err := s.Offers.PruneDecisions(s.Ctx, enginetest.Noon.Add(keep), keep, 2)
		s.Must(err)
		s.Equal([]any{n, more, len(left())}, []any{int64(0), false, 4})
		later := enginetest.Noon.Add(keep + time.Millisecond)
		for _, want := range [][]any{{int64(2), true}, {int64(1), false}, {int64(0), false}} {
			n, more, err = s.Offers.PruneDecisions(s.Ctx, later, keep, 2)
			s.Must(err)
			s.Equal([]any{n, more}, want)
		}
		s.Equal(left(), []string{"open"})
		s.End(e, contract.Completed, later)
		n, _, err = s.Offers.PruneDecisions(s.Ctx, later, keep, 2)
		s.Must(err)
		s.Equal(n, int64(1))
	})
}
