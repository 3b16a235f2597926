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

func TestIngestCountsAnIDOnce(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()})
		call := s.track("ana", "Cart Updated", props{"cart_id": "k1"})
		first := s.ingest(noon, call, call)
		s.same([]bool{first[0].Duplicate, first[1].Duplicate}, []bool{false, true})
		s.same(first[0].Entered, []string{"cart/ana"})
		other := call
		other.UserID = "ben" // the id counts, whoever it is said of
		again := s.ingest(noon.Add(time.Hour), other)
		s.same(again[0].Duplicate, true)
		c, err := s.Analytics.Counts(s.ctx)
		s.must(err)
		s.same([]int64{c.Events, c.Pending}, []int64{1, 1})
	})
}

func TestIngestSameIDAtOnce(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()})
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
				r, err := s.Intake.Ingest(s.ctx, noon, []customer.SegmentCall{call})
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
		s.same([]int64{fresh.Load(), entered.Load()}, []int64{1, 1})
	})
}

func TestIngestMergesTraitsDeeply(t *testing.T) {
	each(t, func(s *suite) {
		s.ingest(noon, s.identify("ana", props{"name": "Ana", "address": props{"city": "Kyoto", "zip": "600"}, "tags": []any{"a"}}))
		s.ingest(noon, s.identify("ana", props{"address": props{"zip": nil, "street": "x"}, "name": nil, "tags": []any{"b"}, "age": 30}))
		s.same(s.customer("ana").Traits, props{"address": props{"city": "Kyoto", "street": "x"}, "tags": []any{"b"}, "age": 30.0})
	})
}

func TestIngestNamesSegmentCalls(t *testing.T) {
	each(t, func(s *suite) {
		s.ingest(noon,
			s.identify("ana", props{"tier": "gold"}),
			customer.SegmentCall{Type: "page", MessageID: "p", UserID: "ana", Event: "Home", Properties: props{"path": "/"}},
			customer.SegmentCall{Type: "screen", MessageID: "s", UserID: "ana"},
			customer.SegmentCall{Type: "group", MessageID: "g", UserID: "ana", Properties: props{"groupId": "acme"},
				Traits: props{"plan": "pro"}},
			customer.SegmentCall{Type: "alias", MessageID: "a", UserID: "ana", PreviousID: "old"},
		)
		story, err := s.Analytics.Timeline(s.ctx, "ana", 10)
		s.must(err)
		got := map[string]props{}
		for _, line := range story {
			got[line.Title] = line.Detail
		}
		s.same(got, map[string]props{
			"Customer Updated": {
				"tier": "gold",
			}, "Page Viewed": {"path": "/", "name": "Home"}, "Screen Viewed": {}, "Group Joined": {"group_id": "acme", "plan": "pro"},
		})
		s.same(s.customer("ana").Traits, props{"tier": "gold", "groups": props{"acme": props{"plan": "pro"}}})
		s.same(s.ingest(noon, customer.SegmentCall{Type: "alias", MessageID: "a", UserID: "ana", PreviousID: "old"})[0].Duplicate, true)
	})
}

func TestIngestClampsTimestamps(t *testing.T) {
	each(t, func(s *suite) {
		future, past := s.track("ana", "Future", nil), s.track("ana", "Past", nil)
		future.Timestamp, past.Timestamp = noon.Add(time.Hour), noon.Add(-time.Hour)
		s.ingest(noon, future, past)
		story, err := s.Analytics.Timeline(s.ctx, "ana", 10)
		s.must(err)
		s.same([]time.Time{story[0].At, story[1].At}, []time.Time{noon, noon.Add(-time.Hour)})
	})
}

func TestMailEventsChangeTheProfile(t *testing.T) {
	cases := []struct {
		name, event string
		properties  props
		consent     any
		bounced     map[string]string
	}{
		{"unsubscribed", "Unsubscribed", nil, props{"marketing": false}, map[string]string{}},
		{"from a channel", "Unsubscribed", props{"channel": "push"}, props{"push": false}, map[string]string{}},
		{
			"from a topic",
			"Unsubscribed",
			props{"channel": "email", "topic": "news"},
			props{"topics": props{"news": false}},
			map[string]string{},
		},
		{"spam", "Email Marked as Spam", nil, props{"email": false, "marketing": false}, map[string]string{}},
		{"hard bounce", "Email Bounced", props{"type": "hard"}, nil, map[string]string{"a@example.com": "bounced: hard"}},
		{"bounce without type", "Email Bounced", nil, nil, map[string]string{"a@example.com": "bounced"}},
		{"bounce of another address", "Email Bounced", props{"address": "b@example.com"}, nil, map[string]string{}},
		{"soft bounce", "Email Bounced", props{"type": "Soft"}, nil, map[string]string{}},
		{"temporary bounce", "Email Bounced", props{"type": "temporary"}, nil, map[string]string{}},
		{"permanent", "Email Bounced", props{"type": "soft", "permanent": true}, nil, map[string]string{"a@example.com": "bounced: soft"}},
	}
	each(t, func(s *suite) {
		for _, c := range cases {
			s.ingest(noon, s.identify(c.name, props{"email": "a@example.com"}), s.track(c.name, c.event, c.properties))
			got := s.customer(c.name)
			s.same(got.Traits["consent"], c.consent)
			s.same(got.Bounced, c.bounced)
			_, err := s.Database.Writer.ExecContext(s.ctx, `delete from bounces`)
			s.must(err)
		}
	})
}

func TestIngestRefusesWhatIsNoCall(t *testing.T) {
	each(t, func(s *suite) {
		for want, call := range map[string]customer.SegmentCall{
			"messageId":  {Type: "track", UserID: "ana", Event: "x"},
			"userId":     {Type: "track", MessageID: "1", Event: "x"},
			"event":      {Type: "track", MessageID: "1", UserID: "ana"},
			"type":       {Type: "trick", MessageID: "1", UserID: "ana"},
			"previousId": {Type: "alias", MessageID: "1", UserID: "ana"},
			"groupId":    {Type: "group", MessageID: "1", UserID: "ana"},
			"not JSON":   {Type: "track", MessageID: "1", UserID: "ana", Event: "x", Properties: props{"f": func() {}}},
		} {
			good := s.track("ana", "Seen", nil)
			_, err := s.Intake.Ingest(s.ctx, noon, []customer.SegmentCall{good, call})
			if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "call 2: ") {
				s.T.Fatalf("got %v, want an error of call 2 about %s", err, want)
			}
		}
		c, err := s.Analytics.Counts(s.ctx)
		s.must(err)
		s.same([]int64{c.Events, c.Customers}, []int64{0, 0}) // nothing is half-stored
	})
}

func TestIngestTakesAnyBytes(t *testing.T) {
	each(t, func(s *suite) {
		r := s.ingest(
			noon,
			customer.SegmentCall{Type: "track", MessageID: "a\x00\xff", UserID: "x\x00y", Event: "E\x00",
				Properties: props{"t": "nul \x00 bad \xff"}},
		)
		s.same(r[0].Customer, "xy")
		story, err := s.Analytics.Timeline(s.ctx, "xy", 1)
		s.must(err)
		s.same(story[0].Detail, props{"t": "nul \x00 bad \uFFFD"})
	})
}

func TestIngestOfALargeBatch(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart(keyed)})
		var calls []customer.SegmentCall
		for i := range 500 {
			calls = append(calls, s.track("c"+string(rune('a'+i%20)), "Cart Updated", props{"cart_id": float64(i % 100)}))
		}
		entered := map[string]bool{}
		for _, r := range s.ingest(noon, calls...) {
			for _, id := range r.Entered {
				entered[id] = true
			}
		}
		s.same(len(entered), 100)
		s.same(len(s.drain()), 100)
	})
}

func TestEventsGoToThoseWhoListen(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart(keyed)})
		one := s.enters("ana", props{"cart_id": "k1"})
		two := s.enters("ana", props{"cart_id": "k2"})
		s.enters("ben", props{"cart_id": "k1"})
		r := s.ingest(
			noon.Add(time.Minute),
			s.track("ana", "Order Completed", props{"cart_id": "k1", "card": "4242"}),
			s.track("ana", "Unheard", nil),
		)
		s.same(r[0].DeliveredTo, []string{one.ID, two.ID})
		s.same(r[1].DeliveredTo, []string(nil))
		l := s.lease()
		s.same(len(l), 2)
		s.same(l[0].Deliveries[0].Delivery.Event.Properties, props{"cart_id": "k1"}) // only what the journey reads
		s.same(l[0].Deliveries[0].Delivery.Event.Time, noon.Add(time.Minute))
	})
}

func TestChangedTraitsAreHeard(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart(func(d *journey.Definition) {
			d.Steps[0] = journey.Step{
				ID:   "until",
				Kind: "wait",
				Path: journey.Main,
				Next: 1,
				Spec: &journey.Wait{Until: "customer.trial.ends_at"},
			}
		})})
		e := s.enters("ana", nil)
		s.same(s.ingest(noon, s.identify("ana", props{"name": "Ana"}))[0].DeliveredTo, []string(nil))
		call := s.identify("ana", props{"trial": props{"ends_at": "2026-04-01"}, "name": "Anna"})
		s.same(s.ingest(noon, call)[0].DeliveredTo, []string{e.ID})
		d := s.lease()[0].Deliveries[0].Delivery
		s.same(d.Event.Name, "Customer Updated")
		s.same(d.Event.Traits, []string{"trial"})
		same := call
		same.MessageID = "again"
		s.same(s.ingest(noon, same)[0].DeliveredTo, []string(nil)) // nothing changed
	})
}
