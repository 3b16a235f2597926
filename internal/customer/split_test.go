package customer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/handoff"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// TestSplitUndoesAMerge: ana logged in on a device of the library, so what its visitors did became hers.
func TestSplitUndoesAMerge(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		content := enginetest.Content([]*journey.Definition{enginetest.Cart(enginetest.Keyed)}, enginetest.Reminder())
		content.Intents = map[string]*journey.Intent{"books": {
			Name: "books", HalfLife: 30 * 24 * time.Hour, Evidence: []journey.Evidence{{Events: []string{"Seen"}, Weight: 0.1}},
		}}
		_, err := s.Catalog.Publish(s.Ctx, enginetest.Noon, content)
		s.Must(err)
		hour := func(n int) time.Time { return enginetest.Noon.Add(time.Duration(n) * time.Hour) }
		device := func(id, event string) customer.SegmentCall {
			return customer.SegmentCall{Type: "track", MessageID: id, AnonymousID: "d1", Event: event,
				Properties: enginetest.Props{"cart_id": id}}
		}
		traits := func(id, user, anonymous string, traits enginetest.Props) customer.SegmentCall {
			return customer.SegmentCall{Type: "identify", MessageID: id, UserID: user, AnonymousID: anonymous, Traits: traits}
		}
		enters := func(at time.Time, call customer.SegmentCall) unit.Enrollment {
			t.Helper()
			e := s.OpenAt(s.Ingest(at, call)[0].Entered[0])
			s.Drain()
			return e
		}
		s.Ingest(hour(0), traits("t1", "", "d1",
			enginetest.Props{"lang": "ja", "plan": "free", "consent": enginetest.Props{"push": false}}))
		before := enters(hour(0), device("e1", "Cart Updated"))
		s.Ingest(hour(1), traits("t2", "ana", "",
			enginetest.Props{"name": "Ana", "plan": "pro", "consent": enginetest.Props{"marketing": true}}))
		own := enters(hour(1), s.Track("ana", "Cart Updated", enginetest.Props{"cart_id": "a"}))
		h := contract.OpenHandoff{Ref: enginetest.Ref(before), ID: "h", Spec: journey.Handoff{Queue: "support"}}
		s.Must(s.Handoffs.Open(s.Ctx, hour(1), h, ""))

		s.Ingest(hour(2), traits("merge", "ana", "d1", nil))
		s.Equal(s.Customer("ana").Traits, enginetest.Props{
			"name": "Ana", "plan": "pro", "lang": "ja", "consent": enginetest.Props{"marketing": true, "push": false},
		})
		after := enters(hour(3), device("e2", "Cart Updated"))
		s.Equal(after.Customer, "ana")
		_, err = s.TryReserve(hour(3), s.NewSend(after, "k"), enginetest.Props{})
		s.Must(err)
		s.Ingest(hour(3), device("e3", "Seen"), device("e4", "Seen"), s.Track("ana", "Seen", nil), traits("t3", "", "d1",
			enginetest.Props{"lang": "fr"}), traits("t4", "ana", "", enginetest.Props{"plan": "max"}), traits("t5", "ana", "d2", nil))
		// By a link in a mail: nobody knows whose it was.
		s.Ingest(hour(4), s.Track("ana", "Unsubscribed", enginetest.Props{"channel": "email"}))

		got, err := s.Customers.Split(s.Ctx, hour(5), "ana", "anon:d1")
		s.Must(err)
		s.Equal([]any{got.From.ID, got.To.ID}, []any{"ana", "anon:d1"})
		s.Equal(got.Moved, map[string]int64{
			"events": 6, "enrollments": 2, "sends": 1, "handoffs": 1, "decisions": 0, "offers": 0, "evidence": 2,
		})
		email := enginetest.Props{"email": false}
		s.Equal(s.Customer("ana").Traits, enginetest.Props{
			"name": "Ana", "plan": "max", "consent": enginetest.Props{"marketing": true, "email": false},
		})
		email["push"] = false
		s.Equal(s.Customer("d1").Traits, enginetest.Props{"lang": "fr", "plan": "free", "consent": email})
		s.Equal([]any{s.Customer("d1").ID, s.Customer("d2").ID}, []any{"anon:d1", "ana"})
		s.Equal([]time.Time{s.Customer("d1").Created, s.Customer("ana").Created}, []time.Time{hour(0), hour(1)})
		for _, e := range []unit.Enrollment{before, after} {
			s.Equal(s.Enrollment(e.ID).Customer, "anon:d1")
		}
		s.Equal(s.Enrollment(own.ID).Customer, "ana")
		sends, err := s.Messages.Sends(s.Ctx, message.SendFilter{Customer: "anon:d1"})
		s.Must(err)
		waiting, err := s.Handoffs.List(s.Ctx, handoff.Filter{Customer: "anon:d1"})
		s.Must(err)
		s.Equal([]int{len(sends), len(waiting)}, []int{1, 1})
		evidence := func(id string) int {
			t.Helper()
			all, err := s.Intents.Scores(s.Ctx, hour(5), id)
			s.Must(err)
			return len(all[0].Evidence)
		}
		s.Equal([]int{evidence("anon:d1"), evidence("ana")}, []int{2, 1})

		r := s.Ingest(hour(6), device("e5", "Cart Viewed"), s.Track("ana", "Cart Viewed", nil))
		s.Equal([]any{r[0].Customer, len(r[0].DeliveredTo), r[1].Customer, len(r[1].DeliveredTo)}, []any{"anon:d1", 2, "ana", 1})
		fresh := enters(hour(7), s.Track("ana", "Cart Updated", enginetest.Props{"cart_id": "b"}))
		s.Equal(s.Enrollment(fresh.ID).Draw, "ana") // the older one went away

		for id, words := range map[string]string{"anon:d1": "was never merged", "anon:none": "was never merged"} {
			if _, err := s.Customers.Split(s.Ctx, hour(7), "ana", id); !message.IsInput(err) || !strings.Contains(err.Error(), words) {
				t.Errorf("%s: %v", id, err)
			}
		}
		s.Ingest(hour(8), traits("again", "ana", "d1", nil)) // it may be right the next time
		s.Equal(s.Customer("d1").ID, "ana")
	})
}

func TestSplitGoesBackStepByStep(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		at := enginetest.Noon
		call := func(c customer.SegmentCall) {
			t.Helper()
			at = at.Add(time.Minute)
			c.MessageID = at.String()
			s.Ingest(at, c)
		}
		call(customer.SegmentCall{Type: "track", AnonymousID: "d1", Event: "Seen"})
		call(customer.SegmentCall{Type: "identify", UserID: "old", AnonymousID: "d1", Traits: enginetest.Props{"name": "Old"}})
		call(customer.SegmentCall{Type: "alias", UserID: "new", PreviousID: "old"})
		_, err := s.Customers.Split(s.Ctx, at, "new", "anon:d1")
		if !message.IsInput(err) || !strings.Contains(err.Error(), `merged into "old" and not into "new" itself: split that one first`) {
			t.Fatal(err)
		}
		_, err = s.Customers.Split(s.Ctx, at, "new", "old")
		s.Must(err)
		s.Equal([]string{s.Customer("new").ID, s.Customer("old").ID, s.Customer("d1").ID}, []string{"new", "old", "old"})
		s.Equal(s.Customer("old").Traits, enginetest.Props{"name": "Old"})
		_, err = s.Customers.Split(s.Ctx, at, "d1", "anon:d1") // the customer may be named by any of its ids
		s.Must(err)
		s.Equal([]string{s.Customer("old").ID, s.Customer("d1").ID}, []string{"old", "anon:d1"})

		call(customer.SegmentCall{Type: "identify", UserID: "ben", AnonymousID: "d2"})
		call(customer.SegmentCall{Type: "identify", UserID: "eve", AnonymousID: "d2"}) // the device is hers now
		call(customer.SegmentCall{Type: "track", AnonymousID: "d2", Event: "Cart Updated"})
		s.Equal(s.OpenAt("cart/eve").Customer, "eve")
		got, err := s.Customers.Split(s.Ctx, at, "eve", "anon:d2")
		s.Must(err)
		s.Equal(got.Moved["events"], int64(1))
		s.Equal(s.OpenAt("cart/eve").Customer, "anon:d2")
	})
}
