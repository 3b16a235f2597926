package customer_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// TestDrawsFollowTheOlderID: holdouts, splits and control groups are drawn by the id by which tabi has known the customer for
// longest.
func TestDrawsFollowTheOlderID(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		policy := &journey.Policy{ControlGroups: map[string]float64{journey.Controls[0]: 50}}
		s.PublishOffers(func(c *journey.Content) {
			c.Policy = policy
			c.Journeys["cart"].Entry.Holdout, c.Journeys["cart"].Entry.Reentry = 50, journey.ReentryAlways
		})
		enter := func(user, device string, at time.Time) (string, bool, string) {
			t.Helper()
			call := s.Track(user, "Cart Updated", nil)
			call.AnonymousID = device
			address := s.Ingest(at, call)[0].Entered[0]
			var start *contract.Input
			for _, l := range s.Lease() {
				if in := l.Deliveries[0].Start; in != nil && l.Enrollment.WorkflowID == address {
					start = in
				}
			}
			if start == nil {
				t.Fatalf("%s was not started", address)
			}
			e := s.OpenAt(address)
			s.Equal(start.Holdout, e.Holdout)
			control := ""
			if !e.Holdout {
				control = s.Decide(s.NewDecide(e, e.ID), at).Decision.Control
			}
			return start.Draw, start.Holdout, control
		}
		login := func(user, device string, at time.Time) {
			s.Ingest(at, customer.SegmentCall{
				Type: "identify", MessageID: user + "+" + device, UserID: user, AnonymousID: device,
				Traits: enginetest.Props{"email": user + "@example.com"},
			})
		}
		want := func(draw, user, device string, at time.Time) {
			t.Helper()
			got, holdout, control := enter(user, device, at)
			s.Equal(got, draw)
			s.Equal(holdout, journey.Bucket("cart", draw) < 0.5)
			if !holdout {
				s.Equal(control, decisioning.ControlGroup(policy, draw))
			}
		}
		hour := func(n int) time.Time { return enginetest.Noon.Add(time.Duration(n) * time.Hour) }
		for i := range 6 { // a visitor who registers
			device, user := fmt.Sprintf("d%d", i), fmt.Sprintf("u%d", i)
			want("anon:"+device, "", device, hour(0))
			login(user, device, hour(1))
			want("anon:"+device, user, "", hour(2))
			want("anon:"+device, "", device, hour(3))
		}
		s.Ingest(hour(0), s.Identify("old", nil)) // a customer with a new device
		want("anon:new", "", "new", hour(4))
		login("old", "new", hour(5))
		want("old", "old", "", hour(6))
		s.Ingest(hour(7), customer.SegmentCall{Type: "alias", MessageID: "alias", UserID: "younger", PreviousID: "old"})
		want("old", "younger", "", hour(8))
		batch := []customer.SegmentCall{ // all in one millisecond: what was drawn stays
			{Type: "track", MessageID: "b1", AnonymousID: "b", Event: "Cart Updated"},
			{Type: "identify", MessageID: "b2", UserID: "bea", AnonymousID: "b"},
		}
		s.Ingest(hour(9), batch...)
		s.Lease()
		want("anon:b", "bea", "", hour(10))
	})
}
