package ingest_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/limits"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// wantOver fails the test unless err is a limits.Error with the code exactly if over. It returns over.
func wantOver(s *enginetest.Suite, err error, code string, over bool) bool {
	s.T.Helper()
	var got *limits.Error
	if errors.As(err, &got) != over || over && (got.Code != code || !message.IsInput(err)) || !over && err != nil {
		s.T.Fatalf("got %v, want %s: %v", err, code, over)
	}
	return over
}

// stored returns how many events and customers are stored.
func stored(s *enginetest.Suite) [2]int64 {
	c, err := s.Analytics.Counts(s.Ctx)
	s.Must(err)
	return [2]int64{c.Events, c.Customers}
}

func TestTraitsAreBounded(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()})
		deep := any("x")
		for range 9 {
			deep = enginetest.Props{"a": deep}
		}
		many := enginetest.Props{}
		for i := range 501 {
			many[fmt.Sprintf("k%d", i)] = 1
		}
		s.Ingest(enginetest.Noon, s.Identify("ana", enginetest.Props{"prefs": enginetest.Props{"a": strings.Repeat("x", 40_000)}}))
		before := stored(s)
		for name, traits := range map[string]enginetest.Props{
			"merged":  {"prefs": enginetest.Props{"b": strings.Repeat("x", 30_000)}},
			"many":    many,
			"deep":    {"deep": deep},
			"escapes": {"escapes": strings.Repeat("\x01", 6_000)},
		} {
			_, err := s.Intake.Ingest(s.Ctx, enginetest.Noon, []customer.SegmentCall{s.Identify("ana", traits)})
			if !wantOver(s, err, limits.ProfileTooLarge, true) || err.(*limits.Error).Status != http.StatusRequestEntityTooLarge {
				t.Error(name, err)
			}
		}
		s.Equal(stored(s), before)
		// In a batch the one call is refused, by its index.
		got, refused, err := s.Intake.IngestEach(s.Ctx, enginetest.Noon, []customer.SegmentCall{
			s.Track("ana", "Cart Viewed", nil), s.Identify("ana", many), s.Track("ben", "Cart Viewed", nil)})
		s.Must(err)
		s.Equal(len(got), 2)
		wantOver(s, refused[1], limits.ProfileTooLarge, true)
		// An opt-out fits all the same, and what shrinks is accepted.
		s.Ingest(enginetest.Noon, s.Identify("ana", enginetest.Props{"full": strings.Repeat("x", 25_400)}))
		s.Ingest(enginetest.Noon, s.Track("ana", event.Unsubscribed, enginetest.Props{"topic": strings.Repeat("t", 500)}))
		s.Ingest(enginetest.Noon, s.Identify("ana", enginetest.Props{"full": nil}))
		// The context of a call is left out, and the call is stored.
		s.Ingest(enginetest.Noon, s.Identify("ana", enginetest.Props{"full": strings.Repeat("x", 24_000)}))
		call := s.Track("ana", "Cart Viewed", nil)
		call.Context = enginetest.Props{"bio": strings.Repeat("x", 5_000)}
		if r := s.Ingest(enginetest.Noon, call); len(r[0].Warnings) != 1 || s.Customer("ana").Traits["bio"] != nil {
			t.Errorf("got %+v", r)
		}
	})
}

// A merge keeps what fits, says what does not, and a split finds it again.
func TestMergedTraitsAreBounded(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()})
		long := strings.Repeat("x", 30_000)
		s.Ingest(enginetest.Noon, s.Identify("ana", enginetest.Props{"own": long, "consent": enginetest.Props{"marketing": true}}))
		anon := customer.SegmentCall{Type: "identify", MessageID: "a", AnonymousID: "d", Traits: enginetest.Props{"a": 1, "b": long,
			"c": long, "consent": enginetest.Props{"marketing": false}}}
		s.Ingest(enginetest.Noon, anon)
		r := s.Ingest(enginetest.Noon, customer.SegmentCall{Type: "identify", MessageID: "b", UserID: "ana", AnonymousID: "d"})
		if len(r[0].Warnings) != 1 || !strings.HasPrefix(r[0].Warnings[0], "traits.c: left out") {
			t.Fatalf("got %q", r[0].Warnings)
		}
		s.Equal(s.Customer("ana").Traits,
			enginetest.Props{"own": long, "a": 1.0, "b": long, "consent": enginetest.Props{"marketing": false}})
		_, err := s.Customers.Split(s.Ctx, enginetest.Noon.Add(time.Minute), "ana", "anon:d")
		s.Must(err)
		s.Equal(s.Customer("anon:d").Traits["c"], any(long))
	})
}

func TestOpenEnrollmentsAreBounded(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Units.Limits.Open = 3
		turned := enginetest.Cart(enginetest.Named("turned"), func(d *journey.Definition) {
			d.Entry = journey.Entry{When: "customer.n > 0", Reentry: journey.ReentryAlways}
		})
		s.Publish([]*journey.Definition{enginetest.Cart(enginetest.Keyed), turned})
		cart := func(id string) customer.SegmentCall {
			return s.Track("ana", "Cart Updated", enginetest.Props{"cart_id": id})
		}
		for i := range 3 {
			s.Ingest(enginetest.Noon, cart(fmt.Sprint(i)))
		}
		before := stored(s)
		_, err := s.Intake.Ingest(s.Ctx, enginetest.Noon, []customer.SegmentCall{cart("4")})
		wantOver(s, err, limits.OpenEnrollments, true)
		s.Equal(stored(s), before)
		ben := cart("5")
		ben.UserID = "ben"
		if got := s.Ingest(enginetest.Noon, ben); len(got[0].Entered) != 1 {
			t.Error("another customer does not enter:", got)
		}
		// A change of traits is stored, and says which journey was not entered.
		for i := range 8 {
			r := s.Ingest(enginetest.Noon, s.Identify("ana", enginetest.Props{"n": i % 2}))
			if entered := len(r[0].Entered) == 1; entered != (i%2 == 1 && i < 6) || (len(r[0].Warnings) == 1) != (i == 7) {
				t.Errorf("%d: %+v", i, r[0])
			}
		}
	})
}

// The events of one customer are refused while too much waits for that customer. Others are not, and an opt-out never is.
func TestBacklogOfACustomerIsBounded(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Units.Limits.Backlog, s.Units.Limits.Open = 40, 10
		s.Publish([]*journey.Definition{enginetest.Cart(enginetest.Keyed, func(d *journey.Definition) {
			d.Exit = []journey.ExitRule{{Events: []string{"Cart Viewed"}, When: "event.x == 1", Outcome: "x"}}
		})})
		for i := range 10 {
			s.Ingest(enginetest.Noon, s.Track("ana", "Cart Updated", enginetest.Props{"cart_id": fmt.Sprint(i)}))
		}
		var calls []customer.SegmentCall
		for range 20 {
			calls = append(calls, s.Track("ana", "Cart Viewed", nil), s.Track("ben", "Cart Viewed", nil))
		}
		got, refused, err := s.Intake.IngestEach(s.Ctx, enginetest.Noon, calls)
		s.Must(err)
		s.Equal([]int{len(got), len(refused)}, []int{23, 17})
		wantOver(s, refused[39-1], limits.CustomerBacklog, true)
		n, err := s.Outbox.Depth(s.Ctx, 1000)
		s.Must(err)
		s.Equal(n, 40)
		_, err = s.Intake.Ingest(s.Ctx, enginetest.Noon, calls[38:39])
		wantOver(s, err, limits.CustomerBacklog, true)
		s.Ingest(enginetest.Noon, s.Track("ana", event.Unsubscribed, nil))
		s.Drain()
		s.Ingest(enginetest.Noon, calls[38])
	})
}

// A request writes a bounded number of outbox entries: its calls after that are refused by index.
func TestEntriesOfARequestAreBounded(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Units.Limits.RequestEntries, s.Units.Limits.EventEntries, s.Units.Limits.Open = 35, 10, 10
		s.Publish([]*journey.Definition{enginetest.Cart(enginetest.Keyed), enginetest.Cart(enginetest.Keyed, enginetest.Named("other"),
			func(d *journey.Definition) { d.Entry.Events = []string{"Other Cart"} })})
		for i := range 10 {
			s.Ingest(enginetest.Noon, s.Track("ana", "Cart Updated", enginetest.Props{"cart_id": fmt.Sprint(i)}))
		}
		s.Drain()
		goal := func() customer.SegmentCall { return s.Track("ana", "Order Completed", nil) }
		var calls []customer.SegmentCall
		for range 6 {
			calls = append(calls, goal())
		}
		got, refused, err := s.Intake.IngestEach(s.Ctx, enginetest.Noon, calls)
		s.Must(err)
		s.Equal([]int{len(got), len(refused)}, []int{4, 2})
		wantOver(s, refused[4], limits.RequestTooWide, true)
		s.Ingest(enginetest.Noon, s.Track("ana", "Other Cart", enginetest.Props{"cart_id": "x"}))
		before := stored(s)
		_, err = s.Intake.Ingest(s.Ctx, enginetest.Noon, []customer.SegmentCall{goal()})
		wantOver(s, err, limits.Listeners, true)
		s.Equal(stored(s), before)
	})
}

// The conditions of a request cost a bounded amount together.
func TestCostOfARequestIsBounded(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Units.Limits.Cost = 20_000
		s.Publish([]*journey.Definition{enginetest.Cart(func(d *journey.Definition) {
			d.Entry.When = expr.Expr("event.list.all(a, event.list.all(b, a + b < 100))")
		})})
		var calls []customer.SegmentCall
		for i := range 10 {
			calls = append(calls, s.Track(fmt.Sprint(i), "Cart Updated", enginetest.Props{"list": make([]any, 0)}))
			var list []any
			for range 30 {
				list = append(list, 1)
			}
			calls[i].Properties["list"] = list
		}
		got, refused, err := s.Intake.IngestEach(s.Ctx, enginetest.Noon, calls)
		s.Must(err)
		if len(got) == 0 || len(got)+len(refused) != 10 || len(refused) == 0 {
			t.Fatalf("%d stored, %d refused", len(got), len(refused))
		}
		wantOver(s, refused[9], limits.TooCostly, true)
		s.Equal(stored(s)[0], int64(len(got)))
		s.Ingest(enginetest.Noon, calls[9]) // alone it fits
	})
}

// A journey that emits its own entry event twice does not double itself up to the end of the chain.
func TestDescendantsAreBounded(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Units.Limits.Descendants = 20
		s.Publish([]*journey.Definition{enginetest.Cart(enginetest.Named("ping"), func(d *journey.Definition) {
			d.Entry, d.Goal = journey.Entry{Events: []string{"Ping"}, Reentry: journey.ReentryAlways}, nil
		})})
		s.Ingest(enginetest.Noon, s.Track("ana", "Ping", nil))
		over := 0
		for done := map[string]bool{}; ; {
			if len(s.Drain()) == 0 {
				break
			}
			all, err := s.Enrollments.List(s.Ctx, enrollment.Filter{Journey: "ping", State: unit.StateOpen})
			s.Must(err)
			for _, e := range all {
				if done[e.ID] {
					continue
				}
				done[e.ID] = true
				for n := range 2 {
					in := emit(e, "ping", n, "Ping")
					in.EntryEvent = e.EntryEvent
					if err := s.Intake.Emit(s.Ctx, enginetest.Noon, in, nil); err != nil {
						wantOver(s, err, limits.ChainReaction, true)
						over++
					}
				}
			}
		}
		s.Equal([]any{stored(s)[0], over > 0}, []any{int64(21), true})
	})
}

func TestIDsOfACustomerAreBounded(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Units.Limits.IDs = 3
		s.Publish(nil)
		for i := range 5 {
			call := customer.SegmentCall{Type: "identify", MessageID: fmt.Sprint(i), UserID: "ana", AnonymousID: fmt.Sprint("d", i)}
			_, err := s.Intake.Ingest(s.Ctx, enginetest.Noon, []customer.SegmentCall{call})
			wantOver(s, err, limits.TooManyIDs, i >= 3)
		}
	})
}

// A refused call leaves no customer, neither alone nor in a batch.
func TestRefusedCallLeavesNoCustomer(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish(nil)
		first := s.Track("ana", "Seen", nil)
		s.Ingest(enginetest.Noon, first)
		taken := s.Track("new", "Seen", nil)
		taken.MessageID = first.MessageID
		for n, calls := range [][]customer.SegmentCall{{taken}, {taken, s.Track("ben", "Seen", nil)}} {
			_, refused, err := s.Intake.IngestEach(s.Ctx, enginetest.Noon, calls)
			s.Must(err)
			s.WantError(refused[0], customer.ErrTaken)
			s.Equal([]any{stored(s), len(refused)}, []any{[2]int64{int64(1 + n), int64(1 + n)}, 1})
		}
	})
}
