package engine

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// Databases in memory know nothing of each other, and one takes many callers at once.
func TestMemoriesAreIndependent(t *testing.T) {
	t.Parallel()
	a, b := opened(t, sqldb.InMemory), opened(t, sqldb.InMemory)
	a.publishes([]*journey.Definition{cart()}, reminder())
	done := make(chan error, 16)
	for i := range 16 {
		go func() {
			var err error
			for n := range 20 {
				if _, e := a.Intake.Ingest(a.ctx, noon, []customer.SegmentCall{{Type: "track", MessageID: fmt.Sprintf("m%d/%d", i, n),
					UserID: fmt.Sprintf("c%d", i), Event: "Cart Updated"}}); e != nil {
					err = e
				}
				if _, e := a.Analytics.Counts(a.ctx); e != nil {
					err = e
				}
			}
			done <- err
		}()
	}
	for range 16 {
		a.must(<-done)
	}
	c, err := a.Analytics.Counts(a.ctx)
	a.must(err)
	a.same([]int64{c.Events, c.Customers, c.Open["cart"]}, []int64{320, 16, 16})
	c, err = b.Analytics.Counts(b.ctx)
	b.must(err)
	b.same([]int64{c.Events, c.Customers}, []int64{0, 0})
	n, _, err := b.Catalog.Content(b.ctx)
	b.must(err)
	b.same(n, 0)
}

func TestSeed(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart(func(d *journey.Definition) {
			d.Entry = journey.Entry{When: `customer.tier == "gold"`, Reentry: journey.ReentryAlways}
		})}, reminder())
		s.must(s.Customers.SetTraits(s.ctx, noon, "ana", props{"tier": "gold", "consent": props{"marketing": true}}))
		s.must(s.Customers.SetTraits(s.ctx, noon, "ana", props{"consent": props{"email": false}}))
		s.same(s.customer("ana").Traits, props{"tier": "gold", "consent": props{"marketing": true, "email": false}})
		s.must(s.Customers.SetTraits(s.ctx, noon, "ben", nil))
		s.same(s.customer("ben").Traits, props{})
		c, err := s.Analytics.Counts(s.ctx)
		s.must(err)
		s.same([]int64{c.Customers, c.Events, c.Pending}, []int64{2, 0, 0})
		// What is seeded is how it was before: the next event does not find it new.
		s.same(len(s.ingest(noon, s.track("ana", "Page", nil))[0].Entered), 0)
		if err := s.Customers.SetTraits(s.ctx, noon, "", nil); !message.IsInput(err) {
			s.T.Fatalf("got %v", err)
		}
		if err := s.Customers.SetTraits(s.ctx, noon, "ana", props{"x": func() {}}); !message.IsInput(err) {
			s.T.Fatalf("got %v", err)
		}
	})
}

func TestHoldoutIsAsked(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Options{URL: sqldb.InMemory, Holdout: func(journey, customerID string, percent float64) bool {
		return journey == "cart" && customerID == "ana" && percent == 5
	}})
	if err != nil {
		t.Fatal(err)
	}
	u := &suite{T: t, Engine: s, ctx: t.Context()}
	t.Cleanup(func() { u.must(s.Close()) })
	u.publishes([]*journey.Definition{cart(func(d *journey.Definition) { d.Entry.Holdout = 5 })}, reminder())
	u.same([]bool{u.enters("ana", nil).Holdout, u.enters("ben", nil).Holdout}, []bool{true, false})
}

func BenchmarkOpenInMemory(b *testing.B) {
	for b.Loop() {
		s, err := Open(b.Context(), Options{URL: sqldb.InMemory})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// What a simulation does most: an event comes in, a place is reported, what is due is leased.
func BenchmarkInMemory(b *testing.B) { benchmarkHotPath(b, sqldb.InMemory) }

func BenchmarkFile(b *testing.B) { benchmarkHotPath(b, b.TempDir()+"/tabi.db") }

func benchmarkHotPath(b *testing.B, url string) {
	s, err := Open(b.Context(), Options{URL: url})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Catalog.Publish(b.Context(), noon, content([]*journey.Definition{cart(keyed)}, reminder())); err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		n++
		now := noon.Add(time.Duration(n) * time.Second)
		if _, err := s.Intake.Ingest(b.Context(), now, []customer.SegmentCall{{Type: "track", MessageID: fmt.Sprint(n),
			UserID: fmt.Sprintf("c%d", n%100), Event: "Cart Updated", Properties: props{"cart_id": "1"}}}); err != nil {
			b.Fatal(err)
		}
		leases, err := s.Outbox.Lease(b.Context(), wall, 10, time.Minute)
		if err != nil {
			b.Fatal(err)
		}
		for _, l := range leases {
			if err := s.Outbox.Delivered(b.Context(), l, l.Deliveries[len(l.Deliveries)-1].Seq); err != nil {
				b.Fatal(err)
			}
			if err := s.Outbox.ReleaseLease(b.Context(), l, "", time.Time{}); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkIngest is what a gateway takes in: batches of fifty events of many customers, of which some enter.
func BenchmarkIngest(b *testing.B) {
	s, err := Open(b.Context(), Options{URL: b.TempDir() + "/tabi.db"})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Catalog.Publish(b.Context(), noon, content([]*journey.Definition{cart()}, reminder())); err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		var calls []customer.SegmentCall
		for range 50 {
			n++
			name := "Page Viewed"
			if n%10 == 0 {
				name = "Cart Updated"
			}
			calls = append(
				calls,
				customer.SegmentCall{
					Type:       "track",
					MessageID:  fmt.Sprint(n),
					UserID:     fmt.Sprintf("c%d", n*7919%5000),
					Event:      name,
					Properties: props{"cart_id": "1"},
				},
			)
		}
		if _, err := s.Intake.Ingest(b.Context(), noon, calls); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}

// A caller who gives up in the middle leaves the database as it was: its one connection is not thrown away.
func TestMemoryOutlivesItsCallers(t *testing.T) {
	t.Parallel()
	s := opened(t, sqldb.InMemory)
	s.publishes([]*journey.Definition{cart()}, reminder())
	s.enters("ana", nil)
	for i := range 20 {
		ctx, cancel := context.WithCancel(s.ctx)
		err := s.Units.Change(ctx, noon, func(tx sqldb.Conn, b *unit.Unit) error {
			if i%2 == 0 {
				cancel()
			}
			if err := b.Lock(ctx, []string{"ben"}); err != nil {
				return err
			}
			cancel()
			_, err := b.Release(ctx)
			return err
		})
		if err == nil {
			t.Fatal("it was not given up")
		}
		gone, cancel := context.WithCancel(s.ctx)
		cancel()
		if _, err := s.Analytics.Counts(gone); err == nil {
			t.Fatal("it was not given up")
		}
	}
	c, err := s.Analytics.Counts(s.ctx)
	s.must(err)
	s.same([]int64{c.Events, c.Customers, c.Open["cart"]}, []int64{1, 1, 1})
}
