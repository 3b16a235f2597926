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
func TestMemoryDatabasesAreIndependent(t *testing.T) {
	t.Parallel()
	a, b := OpenSuite(t, sqldb.InMemory), OpenSuite(t, sqldb.InMemory)
	a.Publish([]*journey.Definition{Cart()}, Reminder())
	done := make(chan error, 16)
	for i := range 16 {
		go func() {
			var err error
			for n := range 20 {
				if _, e := a.Intake.Ingest(a.Ctx, Noon, []customer.SegmentCall{{Type: "track", MessageID: fmt.Sprintf("m%d/%d", i, n),
					UserID: fmt.Sprintf("c%d", i), Event: "Cart Updated"}}); e != nil {
					err = e
				}
				if _, e := a.Analytics.Counts(a.Ctx); e != nil {
					err = e
				}
			}
			done <- err
		}()
	}
	for range 16 {
		a.Must(<-done)
	}
	c, err := a.Analytics.Counts(a.Ctx)
	a.Must(err)
	a.Equal([]int64{c.Events, c.Customers, c.Open["cart"]}, []int64{320, 16, 16})
	c, err = b.Analytics.Counts(b.Ctx)
	b.Must(err)
	b.Equal([]int64{c.Events, c.Customers}, []int64{0, 0})
	n, _, err := b.Catalog.Content(b.Ctx)
	b.Must(err)
	b.Equal(n, 0)
}

func TestSeed(t *testing.T) {
	Each(t, func(s *Suite) {
		s.Publish([]*journey.Definition{Cart(func(d *journey.Definition) {
			d.Entry = journey.Entry{When: `customer.tier == "gold"`, Reentry: journey.ReentryAlways}
		})}, Reminder())
		s.Must(s.Customers.SetTraits(s.Ctx, Noon, "ana", Props{"tier": "gold", "consent": Props{"marketing": true}}))
		s.Must(s.Customers.SetTraits(s.Ctx, Noon, "ana", Props{"consent": Props{"email": false}}))
		s.Equal(s.Customer("ana").Traits, Props{"tier": "gold", "consent": Props{"marketing": true, "email": false}})
		s.Must(s.Customers.SetTraits(s.Ctx, Noon, "ben", nil))
		s.Equal(s.Customer("ben").Traits, Props{})
		c, err := s.Analytics.Counts(s.Ctx)
		s.Must(err)
		s.Equal([]int64{c.Customers, c.Events, c.Pending}, []int64{2, 0, 0})
		// What is seeded is how it was before: the next event does not find it new.
		s.Equal(len(s.Ingest(Noon, s.Track("ana", "Page", nil))[0].Entered), 0)
		if err := s.Customers.SetTraits(s.Ctx, Noon, "", nil); !message.IsInput(err) {
			s.T.Fatalf("got %v", err)
		}
		if err := s.Customers.SetTraits(s.Ctx, Noon, "ana", Props{"x": func() {}}); !message.IsInput(err) {
			s.T.Fatalf("got %v", err)
		}
	})
}

func TestHoldoutOption(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Options{URL: sqldb.InMemory, Holdout: func(journey, customerID string, percent float64) bool {
		return journey == "cart" && customerID == "ana" && percent == 5
	}})
	if err != nil {
		t.Fatal(err)
	}
	u := &Suite{T: t, Engine: s, Ctx: t.Context()}
	t.Cleanup(func() { u.Must(s.Close()) })
	u.Publish([]*journey.Definition{Cart(func(d *journey.Definition) { d.Entry.Holdout = 5 })}, Reminder())
	u.Equal([]bool{u.Enter("ana", nil).Holdout, u.Enter("ben", nil).Holdout}, []bool{true, false})
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
	if _, err := s.Catalog.Publish(b.Context(), Noon, Content([]*journey.Definition{Cart(Keyed)}, Reminder())); err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		n++
		now := Noon.Add(time.Duration(n) * time.Second)
		if _, err := s.Intake.Ingest(b.Context(), now, []customer.SegmentCall{{Type: "track", MessageID: fmt.Sprint(n),
			UserID: fmt.Sprintf("c%d", n%100), Event: "Cart Updated", Properties: Props{"cart_id": "1"}}}); err != nil {
			b.Fatal(err)
		}
		leases, err := s.Outbox.Lease(b.Context(), Wall, 10, time.Minute)
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
	if _, err := s.Catalog.Publish(b.Context(), Noon, Content([]*journey.Definition{Cart()}, Reminder())); err != nil {
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
					Properties: Props{"cart_id": "1"},
				},
			)
		}
		if _, err := s.Intake.Ingest(b.Context(), Noon, calls); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}

// A caller who gives up in the middle leaves the database as it was: its one connection is not thrown away.
func TestMemoryOutlivesItsCallers(t *testing.T) {
	t.Parallel()
	s := OpenSuite(t, sqldb.InMemory)
	s.Publish([]*journey.Definition{Cart()}, Reminder())
	s.Enter("ana", nil)
	for i := range 20 {
		ctx, cancel := context.WithCancel(s.Ctx)
		err := s.Units.Change(ctx, Noon, func(tx sqldb.Conn, b *unit.Unit) error {
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
		gone, cancel := context.WithCancel(s.Ctx)
		cancel()
		if _, err := s.Analytics.Counts(gone); err == nil {
			t.Fatal("it was not given up")
		}
	}
	c, err := s.Analytics.Counts(s.Ctx)
	s.Must(err)
	s.Equal([]int64{c.Events, c.Customers, c.Open["cart"]}, []int64{1, 1, 1})
}
