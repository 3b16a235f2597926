package enrollment_test

import (
	"testing"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/unit"
)

func TestEnrollmentsArePaged(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart(enginetest.Keyed)})
		var calls []customer.SegmentCall
		for i := range 25 {
			calls = append(calls, s.Track("ana", "Cart Updated", enginetest.Props{"cart_id": float64(i)}))
		}
		s.Ingest(enginetest.Noon, calls...)
		var got []string
		after := ""
		for range 10 {
			page, err := s.Enrollments.List(
				s.Ctx,
				enrollment.Filter{Customer: "ana", Journey: "cart", State: unit.StateOpen,
					After: after, Limit: 10},
			)
			s.Must(err)
			if len(page) == 0 {
				break
			}
			for _, e := range page {
				got = append(got, e.Key)
			}
			after = page[len(page)-1].ID
		}
		s.Equal(len(got), 25)
		s.Equal([]string{got[0], got[24]}, []string{"0", "24"}) // in the order of entry
		none, err := s.Enrollments.List(s.Ctx, enrollment.Filter{Customer: "nobody"})
		s.Must(err)
		s.Equal(len(none), 0)
	})
}
