package intent_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Writers, releases that redefine an intent, merges and the background job run
// at the same time. In the end the scores are the sums of the evidence.
func TestIntentsUnderManyWriters(t *testing.T) {
	each(t, func(s *suite) {
		weighed := func(n int) map[string]*journey.Intent {
			return shopIntents(func(all map[string]*journey.Intent) { all["buy-now"].Evidence[0].Weight = 0.1 * float64(1+n%3) })
		}
		s.publishIntents(weighed(0))
		const writers, each, customers = 8, 12, 5
		done := make(chan error, writers+2)
		for w := range writers {
			go func() {
				var failed error
				for n := range each {
					call := customer.SegmentCall{
						Type:      "track",
						MessageID: fmt.Sprintf("w%d/%d", w, n),
						UserID:    fmt.Sprintf("c%d", (w+n)%customers),
						Event:     "Product Viewed",
					}
					if w%2 == 0 {
						call.UserID, call.AnonymousID = "", call.UserID
					}
					if n == each/2 && w%2 == 1 {
						call = customer.SegmentCall{Type: "identify", MessageID: call.MessageID, UserID: call.UserID,
							AnonymousID: call.UserID}
					}
					if _, err := s.Intake.Ingest(s.Ctx, enginetest.Noon.Add(time.Duration(n)*time.Hour),
						[]customer.SegmentCall{call}); err != nil {
						failed = err
					}
				}
				done <- failed
			}()
		}
		go func() {
			var failed error
			for n := range 4 {
				c := enginetest.Content(nil, enginetest.Reminder())
				c.Intents = weighed(n + 1)
				if _, err := s.Catalog.Publish(s.Ctx, enginetest.Noon, c); err != nil {
					failed = err
				}
			}
			done <- failed
		}()
		go func() {
			var failed error
			for range 20 {
				if _, err := s.Intents.Recompute(s.Ctx, enginetest.Noon.Add(enginetest.Day), 2); err != nil {
					failed = err
				}
			}
			done <- failed
		}()
		for range writers + 2 {
			s.Must(<-done)
		}
		for more := true; more; {
			var err error
			more, err = s.Intents.Recompute(s.Ctx, enginetest.Noon.Add(enginetest.Day), 3)
			s.Must(err)
		}
		views, total := 0, 0.0
		s.Must(s.Database.Read(s.Ctx, func(tx sqldb.Conn) error {
			rel, err := s.Catalog.Current(s.Ctx, tx)
			s.Must(err)
			var ids []string
			for n := range customers {
				ids = append(ids, fmt.Sprintf("c%d", n), fmt.Sprintf("anon:c%d", n))
			}
			found, stale, err := intent.ReadCustomerScores(s.Ctx, tx, rel.Intents, ids)
			s.Must(err)
			for _, id := range ids {
				of, traces, err := intent.RecomputeScores(s.Ctx, tx, rel.Intents, id, nil, nil)
				s.Must(err)
				kept, anew := found[id].Strength("buy-now").ValueAt(enginetest.Noon.Add(enginetest.Day)), 0.0
				if sum, any := of["buy-now"]; any {
					anew = sum.ValueAt(enginetest.Noon.Add(enginetest.Day))
				}
				if math.Abs(kept-anew) > 1e-9 {
					s.T.Errorf("%s: stored %v, recomputed %v", id, kept, anew)
				}
				views, total = views+len(traces), total+anew
			}
			s.Equal(len(stale), 0)
			return nil
		}))
		s.Equal(views, writers*each-writers/2)
		if total <= 0 {
			s.T.Error("no evidence was counted")
		}
	})
}

// Evidence with conditions, which see the scores before the event and count events, has the same result when it is
// recomputed.
func TestRecomputedIntentsAreTheSame(t *testing.T) {
	each(t, func(s *suite) {
		s.publishIntents(shopIntents())
		n := 0
		rapid.Check(s.T, func(t *rapid.T) {
			n++
			who, now := fmt.Sprintf("c%d", n), enginetest.Noon
			s.Ingest(now, s.Identify(who, enginetest.Props{"tier": "gold"}))
			for range rapid.IntRange(1, 4).Draw(t, "batches") {
				now = now.Add(time.Duration(rapid.IntRange(1, 48).Draw(t, "hours")) * time.Hour)
				var calls []customer.SegmentCall
				for range rapid.IntRange(1, 3).Draw(t, "events") {
					c := s.Track(
						who,
						rapid.SampledFrom([]string{"Product Viewed", "Call Ended", "Page"}).Draw(t, "event"),
						enginetest.Props{"wait_minutes": rapid.IntRange(14, 17).Draw(t, "minutes")},
					)
					c.Timestamp = now.Add(-time.Duration(rapid.IntRange(0, 24).Draw(t, "late")) * time.Hour)
					calls = append(calls, c)
				}
				s.Ingest(now, calls...)
			}
			s.Must(s.Database.Read(s.Ctx, func(tx sqldb.Conn) error {
				rel, err := s.Catalog.Current(s.Ctx, tx)
				s.Must(err)
				found, _, err := intent.ReadCustomerScores(s.Ctx, tx, rel.Intents, []string{who})
				s.Must(err)
				anew, traces, err := intent.RecomputeScores(s.Ctx, tx, rel.Intents, who, enginetest.Props{"tier": "gold"}, nil)
				s.Must(err)
				for _, name := range rel.Intents.Names {
					kept, again := found[who].Strength(name).ValueAt(now), 0.0
					if sum, any := anew[name]; any {
						again = sum.ValueAt(now)
					}
					if math.Abs(kept-again) > 1e-9 {
						t.Fatalf("%s: stored %v, recomputed %v from %v", name, kept, again, traces)
					}
				}
				return nil
			}))
		})
	})
}
