package ingest_test

import (
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
)

func TestIngestDropsDuplicates(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()})
		call := s.Track("ana", "Cart Updated", enginetest.Props{"cart_id": "k1"})
		first := s.Ingest(enginetest.Noon, call, call)
		s.Equal([]bool{first[0].Duplicate, first[1].Duplicate}, []bool{false, true})
		s.Equal(first[0].Entered, []string{"cart/ana"})
		other := call
		other.UserID = "ben"
		named := call
		named.Event = "Order Completed"
		again := s.Ingest(enginetest.Noon.Add(time.Hour), other, named, call)
		s.Equal([]bool{again[0].Taken, again[1].Taken, again[2].Taken}, []bool{true, true, false}) // they are no repeats
		s.Equal([]bool{again[0].Duplicate, again[1].Duplicate, again[2].Duplicate}, []bool{false, false, true})
		c, err := s.Analytics.Counts(s.Ctx)
		s.Must(err)
		s.Equal([]int64{c.Events, c.Pending}, []int64{1, 1})
	})
}

func TestIngestConcurrentDuplicates(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()})
		var fresh, entered atomic.Int64
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				call := customer.SegmentCall{Type: "track", MessageID: "once", UserID: "ana", Event: "Cart Updated"}
				if i%2 == 1 {
					call.UserID = "ben"
				}
				r, err := s.Intake.Ingest(s.Ctx, enginetest.Noon, []customer.SegmentCall{call})
				if err != nil {
					s.T.Error(err)
					return
				}
				if !r[0].Duplicate && !r[0].Taken {
					fresh.Add(1)
				}
				entered.Add(int64(len(r[0].Entered)))
			}()
		}
		wg.Wait()
		s.Equal([]int64{fresh.Load(), entered.Load()}, []int64{1, 1})
	})
}

func TestIngestMergesTraitsDeeply(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Ingest(
			enginetest.Noon,
			s.Identify(
				"ana",
				enginetest.Props{"name": "Ana", "address": enginetest.Props{"city": "Kyoto", "zip": "600"}, "tags": []any{"a"}},
			),
		)
		s.Ingest(
			enginetest.Noon,
			s.Identify(
				"ana",
				enginetest.Props{"address": enginetest.Props{"zip": nil, "street": "x"}, "name": nil, "tags": []any{"b"}, "age": 30},
			),
		)
		s.Equal(
			s.Customer("ana").Traits,
			enginetest.Props{"address": enginetest.Props{"city": "Kyoto", "street": "x"}, "tags": []any{"b"}, "age": 30.0},
		)
	})
}

func TestIngestNamesSegmentCalls(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Ingest(enginetest.Noon,
			s.Identify("ana", enginetest.Props{"tier": "gold"}),
			customer.SegmentCall{Type: "page", MessageID: "p", UserID: "ana", Event: "Home", Properties: enginetest.Props{"path": "/"}},
			customer.SegmentCall{Type: "screen", MessageID: "s", UserID: "ana"},
			customer.SegmentCall{Type: "group", MessageID: "g", UserID: "ana", Properties: enginetest.Props{"groupId": "acme"},
				Traits: enginetest.Props{"plan": "pro"}},
			customer.SegmentCall{Type: "alias", MessageID: "a", UserID: "ana", PreviousID: "old"},
		)
		story, err := s.Analytics.Timeline(s.Ctx, "ana", 10)
		s.Must(err)
		got := map[string]enginetest.Props{}
		for _, line := range story {
			got[line.Title] = line.Detail
		}
		s.Equal(got, map[string]enginetest.Props{
			"Customer Updated": {
				"tier": "gold",
			}, "Page Viewed": {"path": "/", "name": "Home"}, "Screen Viewed": {}, "Group Joined": {"group_id": "acme", "plan": "pro"},
		})
		s.Equal(
			s.Customer("ana").Traits,
			enginetest.Props{"tier": "gold", "groups": enginetest.Props{"acme": enginetest.Props{"plan": "pro"}}},
		)
		s.Equal(
			s.Ingest(enginetest.Noon, customer.SegmentCall{Type: "alias", MessageID: "a", UserID: "ana", PreviousID: "old"})[0].Duplicate,
			true,
		)
	})
}

func TestIngestClampsTimestamps(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		future, past := s.Track("ana", "Future", nil), s.Track("ana", "Past", nil)
		future.Timestamp, past.Timestamp = enginetest.Noon.Add(time.Hour), enginetest.Noon.Add(-time.Hour)
		s.Ingest(enginetest.Noon, future, past)
		story, err := s.Analytics.Timeline(s.Ctx, "ana", 10)
		s.Must(err)
		s.Equal([]time.Time{story[0].At, story[1].At}, []time.Time{enginetest.Noon, enginetest.Noon.Add(-time.Hour)})
	})
}

func TestMailEventsChangeTheProfile(t *testing.T) {
	cases := []struct {
		name, event string
		properties  enginetest.Props
		consent     any
		bounced     map[string]string
	}{
		{"unsubscribed", "Unsubscribed", nil, enginetest.Props{"marketing": false}, map[string]string{}},
		{"from a channel", "Unsubscribed", enginetest.Props{"channel": "push"}, enginetest.Props{"push": false}, map[string]string{}},
		{
			"from a topic",
			"Unsubscribed",
			enginetest.Props{"channel": "email", "topic": "news"},
			enginetest.Props{"topics": enginetest.Props{"news": false}},
			map[string]string{},
		},
		{"spam", "Email Marked as Spam", nil, enginetest.Props{"email": false, "marketing": false}, map[string]string{}},
		{"hard bounce", "Email Bounced", enginetest.Props{"type": "hard"}, nil, map[string]string{"a@example.com": "bounced: hard"}},
		{"bounce without type", "Email Bounced", nil, nil, map[string]string{"a@example.com": "bounced"}},
		{"bounce of another address", "Email Bounced", enginetest.Props{"address": "b@example.com"}, nil, map[string]string{}},
		{"soft bounce", "Email Bounced", enginetest.Props{"type": "Soft"}, nil, map[string]string{}},
		{"temporary bounce", "Email Bounced", enginetest.Props{"type": "temporary"}, nil, map[string]string{}},
		{
			"permanent",
			"Email Bounced",
			enginetest.Props{"type": "soft", "permanent": true},
			nil,
			map[string]string{"a@example.com": "bounced: soft"},
		},
	}
	enginetest.Each(t, func(s *enginetest.Suite) {
		for _, c := range cases {
			s.Ingest(
				enginetest.Noon,
				s.Identify(c.name, enginetest.Props{"email": "a@example.com"}),
				s.Track(c.name, c.event, c.properties),
			)
			got := s.Customer(c.name)
			s.Equal(got.Traits["consent"], c.consent)
			s.Equal(got.Bounced, c.bounced)
			_, err := s.Database.Writer.ExecContext(s.Ctx, `delete from addresses`)
			s.Must(err)
		}
	})
}

func TestIngestRejectsInvalidCalls(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		for want, call := range map[string]customer.SegmentCall{
			"messageId":  {Type: "track", UserID: "ana", Event: "x"},
			"userId":     {Type: "track", MessageID: "1", Event: "x"},
			"event":      {Type: "track", MessageID: "1", UserID: "ana"},
			"type":       {Type: "trick", MessageID: "1", UserID: "ana"},
			"previousId": {Type: "alias", MessageID: "1", UserID: "ana"},
			"groupId":    {Type: "group", MessageID: "1", UserID: "ana"},
			"control":    {Type: "track", MessageID: "1", UserID: "a\u202eb", Event: "x"},
			"messageId ": {Type: "track", MessageID: "1\x1b[31m", UserID: "ana", Event: "x"},
			"not JSON":   {Type: "track", MessageID: "1", UserID: "ana", Event: "x", Properties: enginetest.Props{"f": func() {}}},
		} {
			good := s.Track("ana", "Seen", nil)
			_, err := s.Intake.Ingest(s.Ctx, enginetest.Noon, []customer.SegmentCall{good, call})
			if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "call 2: ") {
				s.T.Fatalf("got %v, want an error of call 2 about %s", err, want)
			}
		}
		c, err := s.Analytics.Counts(s.Ctx)
		s.Must(err)
		s.Equal([]int64{c.Events, c.Customers}, []int64{0, 0}) // nothing is stored
	})
}

func TestIngestAcceptsAnyBytes(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		r := s.Ingest(
			enginetest.Noon,
			customer.SegmentCall{Type: "track", MessageID: "a\xff", UserID: "x\xffy", Event: "E\x00",
				Properties: enginetest.Props{"t": "nul \x00 bad \xff"}},
		)
		s.Equal(r[0].Customer, "x\uFFFDy")
		story, err := s.Analytics.Timeline(s.Ctx, r[0].Customer, 1)
		s.Must(err)
		s.Equal(story[0].Detail, enginetest.Props{"t": "nul \x00 bad \uFFFD"})
	})
}

func TestIngestOfALargeBatch(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish([]*journey.Definition{enginetest.Cart(enginetest.Keyed)})
		var calls []customer.SegmentCall
		for i := range 500 {
			calls = append(calls, s.Track("c"+string(rune('a'+i%20)), "Cart Updated", enginetest.Props{"cart_id": float64(i % 100)}))
		}
		entered := map[string]bool{}
		for _, r := range s.Ingest(enginetest.Noon, calls...) {
			for _, id := range r.Entered {
				entered[id] = true
			}
		}
		s.Equal(len(entered), 100)
		s.Equal(len(s.Drain()), 100)
	})
}

func TestEventsReachListeningEnrollments(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish([]*journey.Definition{enginetest.Cart(enginetest.Keyed)})
		one := s.Enter("ana", enginetest.Props{"cart_id": "k1"})
		two := s.Enter("ana", enginetest.Props{"cart_id": "k2"})
		s.Enter("ben", enginetest.Props{"cart_id": "k1"})
		r := s.Ingest(
			enginetest.Noon.Add(time.Minute),
			s.Track("ana", "Order Completed", enginetest.Props{"cart_id": "k1", "card": "4242"}),
			s.Track("ana", "Unheard", nil),
		)
		s.Equal(r[0].DeliveredTo, []string{one.ID, two.ID})
		s.Equal(r[1].DeliveredTo, []string(nil))
		l := s.Lease()
		s.Equal(len(l), 2)
		s.Equal(string(l[0].Deliveries[0].Delivery.Event.Properties), `{"cart_id":"k1"}`) // only what it reads
		s.Equal(l[0].Deliveries[0].Delivery.Event.Time, enginetest.Noon.Add(time.Minute))
	})
}

func TestChangedTraitsReachListeningEnrollments(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish([]*journey.Definition{enginetest.Cart(func(d *journey.Definition) {
			d.Steps[0] = journey.Step{
				ID:   "until",
				Kind: "wait",
				Path: journey.Main,
				Next: 1,
				Spec: &journey.Wait{Until: "customer.trial.ends_at"},
			}
		})})
		e := s.Enter("ana", nil)
		s.Equal(s.Ingest(enginetest.Noon, s.Identify("ana", enginetest.Props{"name": "Ana"}))[0].DeliveredTo, []string(nil))
		call := s.Identify("ana", enginetest.Props{"trial": enginetest.Props{"ends_at": "2026-04-01"}, "name": "Anna"})
		s.Equal(s.Ingest(enginetest.Noon, call)[0].DeliveredTo, []string{e.ID})
		d := s.Lease()[0].Deliveries[0].Delivery
		s.Equal(d.Event.Name, "Customer Updated")
		s.Equal(d.Event.Traits, []string{"trial"})
		same := call
		same.MessageID = "again"
		s.Equal(s.Ingest(enginetest.Noon, same)[0].DeliveredTo, []string(nil)) // nothing changed
	})
}

func TestIngestKeepsLongNumbers(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		cart := enginetest.Cart()
		cart.Entry.Key = "event.order_id"
		s.Publish([]*journey.Definition{cart})
		const first, second = json.Number("820982911946154508"), json.Number("820982911946154509")
		got := s.Ingest(enginetest.Noon,
			s.Track("ana", "Cart Updated", enginetest.Props{"order_id": first}),
			s.Track("ana", "Cart Updated", enginetest.Props{"order_id": second}),
			customer.SegmentCall{Type: "identify", MessageID: "i", UserID: "ana", Traits: enginetest.Props{"order": second}})
		s.Equal(got[0].Entered, []string{"cart/ana/820982911946154508"})
		s.Equal(got[1].Entered, []string{"cart/ana/820982911946154509"})
		ana, err := s.Customers.Get(s.Ctx, "ana")
		s.Must(err)
		s.Equal(ana.Traits["order"], any(second))
	})
}
