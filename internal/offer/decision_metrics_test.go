package offer_test

import (
	"testing"

	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/offer"
)

func TestDecisionsAreCounted(t *testing.T) {
	each(t, func(s *suite) {
		s.PublishOffers(func(c *journey.Content) { c.Actions["points"].Eligible = "false" })
		e := s.Enter("ana", nil)
		s.Decide(s.NewDecide(e, "k"), enginetest.Noon)
		s.Decide(s.NewDecide(e, "k"), enginetest.Noon) // a repeat
		for _, in := range []offer.Inbound{{Group: "offers", RequestID: "r"}, {Group: "offers", RequestID: "r"},
			{Actions: []string{"points"}, RequestID: "n"}, {Group: "offers", Preview: true}} {
			in.UserID = "ana"
			_, err := s.Offers.DecideInbound(s.Ctx, enginetest.Noon, in)
			s.Must(err)
		}
		s.Equal(s.Offers.Decided(), map[offer.DecisionKind]int64{
			{Direction: "outbound", Outcome: "chosen"}:      1,
			{Direction: "inbound", Outcome: "chosen"}:       1,
			{Direction: "inbound", Outcome: "NOT_ELIGIBLE"}: 1,
		})
	})
}
