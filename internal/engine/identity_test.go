package engine

import (
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/handoff"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func TestIdentifyMergesTheAnonymous(t *testing.T) {
	each(t, func(s *suite) {
		s.ingest(
			noon,
			customer.SegmentCall{Type: "track", MessageID: "1", AnonymousID: "a1", Event: "Seen"},
			customer.SegmentCall{
				Type:        "identify",
				MessageID:   "2",
				AnonymousID: "a1",
				Traits:      props{"name": "?", "lang": "ja", "consent": props{"email": false, "push": true}},
			},
		)
		s.ingest(noon, s.identify("ana", props{"name": "Ana", "consent": props{"email": true, "marketing": true}}))
		r := s.ingest(
			noon.Add(time.Second),
			customer.SegmentCall{Type: "identify", MessageID: "3", UserID: "ana", AnonymousID: "a1", Traits: props{"vip": true}},
		)
		s.same(r[0].Customer, "ana")
		c := s.customer("a1")
		s.same(c.ID, "ana")
		s.same(c.Merged, []string{"anon:a1"})
		s.same(c.Created, noon)
		s.same(c.Traits, props{"name": "Ana", "lang": "ja", "vip": true, "consent": props{"email": false, "push": true, "marketing": true}})
		s.same(s.ingest(noon, customer.SegmentCall{Type: "track", MessageID: "4", AnonymousID: "a1", Event: "Seen"})[0].Customer, "ana")
		story, err := s.Analytics.Timeline(s.ctx, "ana", 10)
		s.must(err)
		s.same(len(story), 5) // both histories
	})
}

func TestIdentifyInOneBatch(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()})
		r := s.ingest(noon,
			customer.SegmentCall{Type: "track", MessageID: "1", AnonymousID: "a1", Event: "Cart Updated"},
			customer.SegmentCall{Type: "identify", MessageID: "2", UserID: "ana", AnonymousID: "a1"},
			customer.SegmentCall{Type: "track", MessageID: "3", AnonymousID: "a1", Event: "Order Completed"})
		s.same(r[0].Entered, []string{"cart/anon:a1"})
		s.same([]string{r[0].Customer, r[1].Customer, r[2].Customer}, []string{"anon:a1", "ana", "ana"})
		s.same(len(r[2].DeliveredTo), 1)
		s.same(s.at("cart/anon:a1").Customer, "ana") // it keeps its address
	})
}

func TestAnAnonymousIDStaysUntilItIdentifiesAsAnother(t *testing.T) {
	each(t, func(s *suite) {
		s.ingest(noon, customer.SegmentCall{Type: "track", MessageID: "1", AnonymousID: "a1", Event: "Seen"},
			customer.SegmentCall{Type: "identify", MessageID: "2", UserID: "ana", AnonymousID: "a1"},
			customer.SegmentCall{Type: "identify", MessageID: "3", UserID: "ben", AnonymousID: "a1"},
			customer.SegmentCall{Type: "track", MessageID: "4", AnonymousID: "a1", Event: "Seen"})
		count := func(id string) int {
			story, err := s.Analytics.Timeline(s.ctx, id, 10)
			s.must(err)
			return len(story)
		}
		s.same([]int{count("ana"), count("ben")}, []int{2, 2}) // what happened before stays with ana
		s.same(s.customer("a1").ID, "ben")
	})
}

func TestAliasMergesAnyTwo(t *testing.T) {
	each(t, func(s *suite) {
		alias := func(id, from, to string) customer.SegmentCall {
			return customer.SegmentCall{Type: "alias", MessageID: id, PreviousID: from, UserID: to}
		}
		s.ingest(noon, s.identify("u1", props{"one": 1}), s.identify("u2", props{"two": 2}), s.identify("u3", props{"three": 3}))
		s.ingest(noon, alias("1", "u1", "u2"))
		s.ingest(noon, alias("2", "u2", "u3"))
		for _, id := range []string{"u1", "u2", "u3"} {
			s.same(s.customer(id).ID, "u3")
		}
		s.ingest(noon, alias("3", "u3", "u1"), alias("4", "u3", "u3")) // a cycle and itself: nothing happens
		c := s.customer("u1")
		s.same(c.ID, "u3")
		s.same(c.Merged, []string{"u1", "u2"})
		s.same(c.Traits, props{"one": 1.0, "two": 2.0, "three": 3.0})
		// Segment's previousId may be an anonymous one, and may come before anything else of it.
		s.ingest(
			noon,
			customer.SegmentCall{Type: "track", MessageID: "5", AnonymousID: "x", Event: "Seen"},
			alias("6", "x", "u3"),
			alias("7", "never-seen", "u3"),
		)
		s.same(s.ingest(noon, customer.SegmentCall{Type: "track", MessageID: "8", AnonymousID: "never-seen", Event: "Seen"})[0].Customer,
			"u3")
		s.same(s.customer("anon:x").ID, "u3")
	})
}

func TestMergedInstancesHearTheMergedCustomer(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart(keyed), cart(named("other"), reentry(journey.ReentryAlways, 0))}, reminder())
		enters := func(user, anonymous, key string, at time.Time) unit.Enrollment {
			call := s.track(user, "Cart Updated", props{"cart_id": key})
			call.AnonymousID = anonymous
			e := s.at(s.ingest(at, call)[0].Entered[0])
			s.drain()
			return e
		}
		older := enters("", "a1", "k1", noon)
		younger := enters("ana", "", "k1", noon.Add(time.Minute))
		apart := enters("ana", "", "k2", noon.Add(time.Minute))
		h := contract.OpenHandoff{Ref: ref(older), ID: "h1", Spec: journey.Handoff{Queue: "support"}}
		s.must(s.Handoffs.Open(s.ctx, noon, h, ""))
		_, err := s.asks(wall, s.send(older, "k"), yes)
		s.must(err)
		s.ingest(noon.Add(time.Hour), customer.SegmentCall{Type: "identify", MessageID: "merge", UserID: "ana", AnonymousID: "a1"})
		s.same(s.drain(), []string{"exit cart/ana/k1"}) // the journey that lets in always keeps both of its own
		for _, e := range []unit.Enrollment{older, younger, apart} {
			s.same(s.byID(e.ID).Customer, "ana")
		}
		r := s.ingest(noon.Add(time.Hour), s.track("ana", "Order Completed", props{"cart_id": "k1"}))
		s.same(len(r[0].DeliveredTo), 6)
		contacts, err := s.Messages.Sends(s.ctx, message.SendFilter{Customer: "ana"})
		s.must(err)
		s.same(len(contacts), 1)
		open, err := s.Handoffs.List(s.ctx, handoff.Filter{Customer: "ana"})
		s.must(err)
		s.same(len(open), 1)
		v, err := s.Variables.View(s.ctx, noon, ref(older), contract.EvalContext{})
		s.must(err)
		s.same(v.Customer["id"], any("ana"))
	})
}

func TestMergesAtOnce(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()})
		done := make(chan error, 32)
		for i := range 16 {
			from, to := "u1", "u2"
			if i%2 == 1 {
				from, to = to, from
			}
			id := string(rune('a' + i))
			go func() {
				_, err := s.Intake.Ingest(s.ctx, noon, []customer.SegmentCall{{Type: "alias", MessageID: "alias-" + id, PreviousID: from,
					UserID: to}})
				done <- err
			}()
			go func() {
				_, err := s.Intake.Ingest(
					s.ctx,
					noon,
					[]customer.SegmentCall{
						{Type: "track", MessageID: "track-" + id, UserID: from, Event: "Cart Updated"},
						{Type: "identify", MessageID: "identify-" + id, UserID: to, AnonymousID: from, Traits: props{id: true}},
					},
				)
				done <- err
			}()
		}
		for range 32 {
			s.must(<-done)
		}
		c := s.customer("u1")
		s.same(s.customer("u2").ID, c.ID)
		s.same(s.customer("anon:u1").ID, c.ID)
		s.same(len(c.Traits), 16)
		all, err := s.Enrollments.List(s.ctx, enrollment.Filter{})
		s.must(err)
		for _, e := range all {
			s.same(e.Customer, c.ID)
		}
	})
}
