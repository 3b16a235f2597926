package customer_test

import (
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/handoff"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func TestIdentifyMergesTheAnonymousVisitor(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Ingest(
			enginetest.Noon,
			customer.SegmentCall{Type: "track", MessageID: "1", AnonymousID: "a1", Event: "Seen"},
			customer.SegmentCall{
				Type:        "identify",
				MessageID:   "2",
				AnonymousID: "a1",
				Traits:      enginetest.Props{"name": "?", "lang": "ja", "consent": enginetest.Props{"email": false, "push": true}},
			},
		)
		s.Ingest(
			enginetest.Noon,
			s.Identify("ana", enginetest.Props{"name": "Ana", "consent": enginetest.Props{"email": true, "marketing": true}}),
		)
		r := s.Ingest(
			enginetest.Noon.Add(time.Second),
			customer.SegmentCall{Type: "identify", MessageID: "3", UserID: "ana", AnonymousID: "a1", Traits: enginetest.Props{"vip": true}},
		)
		s.Equal(r[0].Customer, "ana")
		c := s.Customer("a1")
		s.Equal(c.ID, "ana")
		s.Equal(c.Merged, []string{"anon:a1"})
		s.Equal(c.Created, enginetest.Noon)
		s.Equal(
			c.Traits,
			enginetest.Props{
				"name":    "Ana",
				"lang":    "ja",
				"vip":     true,
				"consent": enginetest.Props{"email": false, "push": true, "marketing": true},
			},
		)
		s.Equal(
			s.Ingest(enginetest.Noon, customer.SegmentCall{Type: "track", MessageID: "4", AnonymousID: "a1", Event: "Seen"})[0].Customer,
			"ana",
		)
		story, err := s.Analytics.Timeline(s.Ctx, "ana", 10)
		s.Must(err)
		s.Equal(len(story), 5) // both histories
	})
}

func TestIdentifyInOneBatch(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()})
		r := s.Ingest(enginetest.Noon,
			customer.SegmentCall{Type: "track", MessageID: "1", AnonymousID: "a1", Event: "Cart Updated"},
			customer.SegmentCall{Type: "identify", MessageID: "2", UserID: "ana", AnonymousID: "a1"},
			customer.SegmentCall{Type: "track", MessageID: "3", AnonymousID: "a1", Event: "Order Completed"})
		s.Equal(r[0].Entered, []string{"cart/anon:a1"})
		s.Equal([]string{r[0].Customer, r[1].Customer, r[2].Customer}, []string{"anon:a1", "ana", "ana"})
		s.Equal(len(r[2].DeliveredTo), 1)
		s.Equal(s.OpenAt("cart/anon:a1").Customer, "ana") // the enrollment keeps its workflow id
	})
}

func TestAnAnonymousIDStaysUntilItIdentifiesAsAnother(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Ingest(enginetest.Noon, customer.SegmentCall{Type: "track", MessageID: "1", AnonymousID: "a1", Event: "Seen"},
			customer.SegmentCall{Type: "identify", MessageID: "2", UserID: "ana", AnonymousID: "a1"},
			customer.SegmentCall{Type: "identify", MessageID: "3", UserID: "ben", AnonymousID: "a1"},
			customer.SegmentCall{Type: "track", MessageID: "4", AnonymousID: "a1", Event: "Seen"})
		count := func(id string) int {
			story, err := s.Analytics.Timeline(s.Ctx, id, 10)
			s.Must(err)
			return len(story)
		}
		s.Equal([]int{count("ana"), count("ben")}, []int{2, 2}) // earlier events stay with ana
		s.Equal(s.Customer("a1").ID, "ben")
	})
}

func TestAliasMergesAnyTwo(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		alias := func(id, from, to string) customer.SegmentCall {
			return customer.SegmentCall{Type: "alias", MessageID: id, PreviousID: from, UserID: to}
		}
		s.Ingest(
			enginetest.Noon,
			s.Identify("u1", enginetest.Props{"one": 1}),
			s.Identify("u2", enginetest.Props{"two": 2}),
			s.Identify("u3", enginetest.Props{"three": 3}),
		)
		s.Ingest(enginetest.Noon, alias("1", "u1", "u2"))
		s.Ingest(enginetest.Noon, alias("2", "u2", "u3"))
		for _, id := range []string{"u1", "u2", "u3"} {
			s.Equal(s.Customer(id).ID, "u3")
		}
		s.Ingest(enginetest.Noon, alias("3", "u3", "u1"), alias("4", "u3", "u3")) // a cycle, and a merge with itself, change nothing
		c := s.Customer("u1")
		s.Equal(c.ID, "u3")
		s.Equal(c.Merged, []string{"u1", "u2"})
		s.Equal(c.Traits, enginetest.Props{"one": 1.0, "two": 2.0, "three": 3.0})
		// Segment's previousId may be an anonymous id, and this call may be the first that names it.
		s.Ingest(
			enginetest.Noon,
			customer.SegmentCall{Type: "track", MessageID: "5", AnonymousID: "x", Event: "Seen"},
			alias("6", "x", "u3"),
			alias("7", "never-seen", "u3"),
		)
		s.Equal(
			s.Ingest(enginetest.Noon, customer.SegmentCall{Type: "track", MessageID: "8", AnonymousID: "never-seen",
				Event: "Seen"})[0].Customer,
			"u3",
		)
		s.Equal(s.Customer("anon:x").ID, "u3")
	})
}

func TestMergedEnrollmentsReceiveEventsOfTheSurvivor(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish(
			[]*journey.Definition{
				enginetest.Cart(enginetest.Keyed),
				enginetest.Cart(enginetest.Named("other"), enginetest.Reentry(journey.ReentryAlways, 0)),
			},
			enginetest.Reminder(),
		)
		enters := func(user, anonymous, key string, at time.Time) unit.Enrollment {
			call := s.Track(user, "Cart Updated", enginetest.Props{"cart_id": key})
			call.AnonymousID = anonymous
			e := s.OpenAt(s.Ingest(at, call)[0].Entered[0])
			s.Drain()
			return e
		}
		older := enters("", "a1", "k1", enginetest.Noon)
		younger := enters("ana", "", "k1", enginetest.Noon.Add(time.Minute))
		apart := enters("ana", "", "k2", enginetest.Noon.Add(time.Minute))
		h := contract.OpenHandoff{Ref: enginetest.Ref(older), ID: "h1", Spec: journey.Handoff{Queue: "support"}}
		s.Must(s.Handoffs.Open(s.Ctx, enginetest.Noon, h, ""))
		_, err := s.TryReserve(enginetest.Wall, s.NewSend(older, "k"), enginetest.ByEmail)
		s.Must(err)
		s.Ingest(
			enginetest.Noon.Add(time.Hour),
			customer.SegmentCall{Type: "identify", MessageID: "merge", UserID: "ana", AnonymousID: "a1"},
		)
		s.Equal(s.Drain(), []string{"exit cart/ana/k1"}) // the journey with re-entry "always" keeps both enrollments
		for _, e := range []unit.Enrollment{older, younger, apart} {
			s.Equal(s.Enrollment(e.ID).Customer, "ana")
		}
		r := s.Ingest(enginetest.Noon.Add(time.Hour), s.Track("ana", "Order Completed", enginetest.Props{"cart_id": "k1"}))
		s.Equal(len(r[0].DeliveredTo), 6)
		contacts, err := s.Messages.Sends(s.Ctx, message.SendFilter{Customer: "ana"})
		s.Must(err)
		s.Equal(len(contacts), 1)
		open, err := s.Handoffs.List(s.Ctx, handoff.Filter{Customer: "ana"})
		s.Must(err)
		s.Equal(len(open), 1)
		v, err := s.Variables.View(s.Ctx, enginetest.Noon, enginetest.Ref(older), contract.EvalContext{})
		s.Must(err)
		s.Equal(v.Customer["id"], any("ana"))
	})
}

func TestConcurrentMerges(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()})
		done := make(chan error, 32)
		for i := range 16 {
			from, to := "u1", "u2"
			if i%2 == 1 {
				from, to = to, from
			}
			id := string(rune('a' + i))
			go func() {
				_, err := s.Intake.Ingest(
					s.Ctx,
					enginetest.Noon,
					[]customer.SegmentCall{{Type: "alias", MessageID: "alias-" + id, PreviousID: from,
						UserID: to}},
				)
				done <- err
			}()
			go func() {
				_, err := s.Intake.Ingest(
					s.Ctx,
					enginetest.Noon,
					[]customer.SegmentCall{
						{Type: "track", MessageID: "track-" + id, UserID: from, Event: "Cart Updated"},
						{Type: "identify", MessageID: "identify-" + id, UserID: to, AnonymousID: from, Traits: enginetest.Props{id: true}},
					},
				)
				done <- err
			}()
		}
		for range 32 {
			s.Must(<-done)
		}
		c := s.Customer("u1")
		s.Equal(s.Customer("u2").ID, c.ID)
		s.Equal(s.Customer("anon:u1").ID, c.ID)
		s.Equal(len(c.Traits), 16)
		all, err := s.Enrollments.List(s.Ctx, enrollment.Filter{})
		s.Must(err)
		for _, e := range all {
			s.Equal(e.Customer, c.ID)
		}
	})
}

func TestCustomerIDIsNotATrait(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish(enginetest.Carts(func(d *journey.Definition) { d.Entry.When = `customer.id == "u-42"` }), enginetest.Reminder())
		s.Ingest(enginetest.Noon,
			customer.SegmentCall{Type: "identify", MessageID: "1", UserID: "u-42", Traits: enginetest.Props{"id": 42}},
			customer.SegmentCall{Type: "identify", MessageID: "2", AnonymousID: "d9", Traits: enginetest.Props{"id": "d9-local"}},
			customer.SegmentCall{Type: "identify", MessageID: "3", UserID: "u-42", AnonymousID: "d9"})
		e := s.EnterCart("u-42")
		v, err := s.Variables.View(s.Ctx, enginetest.Noon, enginetest.Ref(e), contract.EvalContext{})
		s.Must(err)
		s.Equal(v.Customer["id"], any("u-42"))
		s.Equal(s.Customer("u-42").Traits["id"], any(42.0)) // the client's own is kept
	})
}
