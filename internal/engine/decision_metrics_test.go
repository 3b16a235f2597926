package engine

import (
	"testing"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/offer"
)

func TestDecisionsAreCounted(t *testing.T) {
	Each(t, func(s *Suite) {
		s.PublishOffers(func(c *journey.Content) { c.Actions["points"].Eligible = "false" })
		e := s.Enter("ana", nil)
		s.Decide(s.NewDecide(e, "k"), Noon)
		s.Decide(s.NewDecide(e, "k"), Noon) // a repeat
		for _, in := range []offer.Inbound{{Group: "offers", RequestID: "r"}, {Group: "offers", RequestID: "r"},
			{Actions: []string{"points"}, RequestID: "n"}, {Group: "offers", Preview: true}} {
			in.UserID = "ana"
			_, err := s.Offers.DecideInbound(s.Ctx, Noon, in)
			s.Must(err)
		}
		s.Equal(s.Offers.Decided(), map[offer.DecisionKind]int64{
			{Direction: "outbound", Outcome: "chosen"}:      1,
			{Direction: "inbound", Outcome: "chosen"}:       1,
			{Direction: "inbound", Outcome: "NOT_ELIGIBLE"}: 1,
		})
	})
}
