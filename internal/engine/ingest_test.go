package engine

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/journey"
)

func TestIngestDropsDuplicates(t *testing.T) {
	Each(t, func(s *Suite) {
		s.Publish([]*journey.Definition{Cart()})
		call := s.Track("ana", "Cart Updated", Props{"cart_id": "k1"})
		first := s.Ingest(Noon, call, call)
		s.Equal([]bool{first[0].Duplicate, first[1].Duplicate}, []bool{false, true})
		s.Equal(first[0].Entered, []string{"cart/ana"})
		other := call
		other.UserID = "ben" // the id counts, whoever it is said of
		again := s.Ingest(Noon.Add(time.Hour), other)
		s.Equal(again[0].Duplicate, true)
		c, err := s.Analytics.Counts(s.Ctx)
		s.Must(err)
		s.Equal([]int64{c.Events, c.Pending}, []int64{1, 1})
	})
}

func TestIngestConcurrentDuplicates(t *testing.T) {
	Each(t, func(s *Suite) {
		s.Publish([]*journey.Definition{Cart()})
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
				r, err := s.Intake.Ingest(s.Ctx, Noon, []customer.SegmentCall{call})
				if err != nil {
					s.T.Error(err)
					return
				}
				if !r[0].Duplicate {
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
	Each(t, func(s *Suite) {
		s.Ingest(Noon, s.Identify("ana", Props{"name": "Ana", "address": Props{"city": "Kyoto", "zip": "600"}, "tags": []any{"a"}}))
		s.Ingest(Noon, s.Identify("ana", Props{"address": Props{"zip": nil, "street": "x"}, "name": nil, "tags": []any{"b"}, "age": 30}))
		s.Equal(s.Customer("ana").Traits, Props{"address": Props{"city": "Kyoto", "street": "x"}, "tags": []any{"b"}, "age": 30.0})
	})
}

func TestIngestNamesSegmentCalls(t *testing.T) {
	Each(t, func(s *Suite) {
		s.Ingest(Noon,
			s.Identify("ana", Props{"tier": "gold"}),
			customer.SegmentCall{Type: "page", MessageID: "p", UserID: "ana", Event: "Home", Properties: Props{"path": "/"}},
			customer.SegmentCall{Type: "screen", MessageID: "s", UserID: "ana"},
			customer.SegmentCall{Type: "group", MessageID: "g", UserID: "ana", Properties: Props{"groupId": "acme"},
				Traits: Props{"plan": "pro"}},
			customer.SegmentCall{Type: "alias", MessageID: "a", UserID: "ana", PreviousID: "old"},
		)
		story, err := s.Analytics.Timeline(s.Ctx, "ana", 10)
		s.Must(err)
		got := map[string]Props{}
		for _, line := range story {
			got[line.Title] = line.Detail
		}
		s.Equal(got, map[string]Props{
			"Customer Updated": {
				"tier": "gold",
			}, "Page Viewed": {"path": "/", "name": "Home"}, "Screen Viewed": {}, "Group Joined": {"group_id": "acme", "plan": "pro"},
		})
		s.Equal(s.Customer("ana").Traits, Props{"tier": "gold", "groups": Props{"acme": Props{"plan": "pro"}}})
		s.Equal(s.Ingest(Noon, customer.SegmentCall{Type: "alias", MessageID: "a", UserID: "ana", PreviousID: "old"})[0].Duplicate, true)
	})
}

func TestIngestClampsTimestamps(t *testing.T) {
	Each(t, func(s *Suite) {
		future, past := s.Track("ana", "Future", nil), s.Track("ana", "Past", nil)
		future.Timestamp, past.Timestamp = Noon.Add(time.Hour), Noon.Add(-time.Hour)
		s.Ingest(Noon, future, past)
		story, err := s.Analytics.Timeline(s.Ctx, "ana", 10)
		s.Must(err)
		s.Equal([]time.Time{story[0].At, story[1].At}, []time.Time{Noon, Noon.Add(-time.Hour)})
	})
}

func TestMailEventsChangeTheProfile(t *testing.T) {
	cases := []struct {
		name, event string
		properties  Props
		consent     any
		bounced     map[string]string
	}{
		{"unsubscribed", "Unsubscribed", nil, Props{"marketing": false}, map[string]string{}},
		{"from a channel", "Unsubscribed", Props{"channel": "push"}, Props{"push": false}, map[string]string{}},
		{
			"from a topic",
			"Unsubscribed",
			Props{"channel": "email", "topic": "news"},
			Props{"topics": Props{"news": false}},
			map[string]string{},
		},
		{"spam", "Email Marked as Spam", nil, Props{"email": false, "marketing": false}, map[string]string{}},
		{"hard bounce", "Email Bounced", Props{"type": "hard"}, nil, map[string]string{"a@example.com": "bounced: hard"}},
		{"bounce without type", "Email Bounced", nil, nil, map[string]string{"a@example.com": "bounced"}},
		{"bounce of another address", "Email Bounced", Props{"address": "b@example.com"}, nil, map[string]string{}},
		{"soft bounce", "Email Bounced", Props{"type": "Soft"}, nil, map[string]string{}},
		{"temporary bounce", "Email Bounced", Props{"type": "temporary"}, nil, map[string]string{}},
		{"permanent", "Email Bounced", Props{"type": "soft", "permanent": true}, nil, map[string]string{"a@example.com": "bounced: soft"}},
	}
	Each(t, func(s *Suite) {
		for _, c := range cases {
			s.Ingest(Noon, s.Identify(c.name, Props{"email": "a@example.com"}), s.Track(c.name, c.event, c.properties))
			got := s.Customer(c.name)
			s.Equal(got.Traits["consent"], c.consent)
			s.Equal(got.Bounced, c.bounced)
			_, err := s.Database.Writer.ExecContext(s.Ctx, `delete from bounces`)
			s.Must(err)
		}
	})
}

func TestIngestRejectsInvalidCalls(t *testing.T) {
	Each(t, func(s *Suite) {
		for want, call := range map[string]customer.SegmentCall{
			"messageId":  {Type: "track", UserID: "ana", Event: "x"},
			"userId":     {Type: "track", MessageID: "1", Event: "x"},
			"event":      {Type: "track", MessageID: "1", UserID: "ana"},
			"type":       {Type: "trick", MessageID: "1", UserID: "ana"},
			"previousId": {Type: "alias", MessageID: "1", UserID: "ana"},
			"groupId":    {Type: "group", MessageID: "1", UserID: "ana"},
			"not JSON":   {Type: "track", MessageID: "1", UserID: "ana", Event: "x", Properties: Props{"f": func() {}}},
		} {
			good := s.Track("ana", "Seen", nil)
			_, err := s.Intake.Ingest(s.Ctx, Noon, []customer.SegmentCall{good, call})
			if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "call 2: ") {
				s.T.Fatalf("got %v, want an error of call 2 about %s", err, want)
			}
		}
		c, err := s.Analytics.Counts(s.Ctx)
		s.Must(err)
		s.Equal([]int64{c.Events, c.Customers}, []int64{0, 0}) // nothing is half-stored
	})
}

func TestIngestAcceptsAnyBytes(t *testing.T) {
	Each(t, func(s *Suite) {
		r := s.Ingest(
			Noon,
			customer.SegmentCall{Type: "track", MessageID: "a\x00\xff", UserID: "x\x00y", Event: "E\x00",
				Properties: Props{"t": "nul \x00 bad \xff"}},
		)
		s.Equal(r[0].Customer, "xy")
		story, err := s.Analytics.Timeline(s.Ctx, "xy", 1)
		s.Must(err)
		s.Equal(story[0].Detail, Props{"t": "nul \x00 bad \uFFFD"})
	})
}

func TestIngestOfALargeBatch(t *testing.T) {
	Each(t, func(s *Suite) {
		s.Publish([]*journey.Definition{Cart(Keyed)})
		var calls []customer.SegmentCall
		for i := range 500 {
			calls = append(calls, s.Track("c"+string(rune('a'+i%20)), "Cart Updated", Props{"cart_id": float64(i % 100)}))
		}
		entered := map[string]bool{}
		for _, r := range s.Ingest(Noon, calls...) {
			for _, id := range r.Entered {
				entered[id] = true
			}
		}
		s.Equal(len(entered), 100)
		s.Equal(len(s.Drain()), 100)
	})
}

func TestEventsReachListeningEnrollments(t *testing.T) {
	Each(t, func(s *Suite) {
		s.Publish([]*journey.Definition{Cart(Keyed)})
		one := s.Enter("ana", Props{"cart_id": "k1"})
		two := s.Enter("ana", Props{"cart_id": "k2"})
		s.Enter("ben", Props{"cart_id": "k1"})
		r := s.Ingest(
			Noon.Add(time.Minute),
			s.Track("ana", "Order Completed", Props{"cart_id": "k1", "card": "4242"}),
			s.Track("ana", "Unheard", nil),
		)
		s.Equal(r[0].DeliveredTo, []string{one.ID, two.ID})
		s.Equal(r[1].DeliveredTo, []string(nil))
		l := s.Lease()
		s.Equal(len(l), 2)
		s.Equal(l[0].Deliveries[0].Delivery.Event.Properties, Props{"cart_id": "k1"}) // only what the journey reads
		s.Equal(l[0].Deliveries[0].Delivery.Event.Time, Noon.Add(time.Minute))
	})
}

func TestChangedTraitsReachListeningEnrollments(t *testing.T) {
	Each(t, func(s *Suite) {
		s.Publish([]*journey.Definition{Cart(func(d *journey.Definition) {
			d.Steps[0] = journey.Step{
				ID:   "until",
				Kind: "wait",
				Path: journey.Main,
				Next: 1,
				Spec: &journey.Wait{Until: "customer.trial.ends_at"},
			}
		})})
		e := s.Enter("ana", nil)
		s.Equal(s.Ingest(Noon, s.Identify("ana", Props{"name": "Ana"}))[0].DeliveredTo, []string(nil))
		call := s.Identify("ana", Props{"trial": Props{"ends_at": "2026-04-01"}, "name": "Anna"})
		s.Equal(s.Ingest(Noon, call)[0].DeliveredTo, []string{e.ID})
		d := s.Lease()[0].Deliveries[0].Delivery
		s.Equal(d.Event.Name, "Customer Updated")
		s.Equal(d.Event.Traits, []string{"trial"})
		same := call
		same.MessageID = "again"
		s.Equal(s.Ingest(Noon, same)[0].DeliveredTo, []string(nil)) // nothing changed
	})
}
