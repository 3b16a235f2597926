package engine_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// Databases in memory know nothing of each other, and one takes many callers at once.
func TestMemoryDatabasesAreIndependent(t *testing.T) {
	t.Parallel()
	a, b := enginetest.New(t, sqldb.InMemory), enginetest.New(t, sqldb.InMemory)
	a.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
	done := make(chan error, 16)
	for i := range 16 {
		go func() {
			var err error
			for n := range 20 {
				if _, e := a.Intake.Ingest(a.Ctx, enginetest.Noon,
					[]customer.SegmentCall{{Type: "track", MessageID: fmt.Sprintf("m%d/%d", i, n),
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
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish([]*journey.Definition{enginetest.Cart(func(d *journey.Definition) {
			d.Entry = journey.Entry{When: `customer.tier == "gold"`, Reentry: journey.ReentryAlways}
		})}, enginetest.Reminder())
		s.Must(
			s.Customers.SetTraits(
				s.Ctx,
				enginetest.Noon,
				"ana",
				enginetest.Props{"tier": "gold", "consent": enginetest.Props{"marketing": true}},
			),
		)
		s.Must(s.Customers.SetTraits(s.Ctx, enginetest.Noon, "ana", enginetest.Props{"consent": enginetest.Props{"email": false}}))
		s.Equal(s.Customer("ana").Traits, enginetest.Props{"tier": "gold", "consent": enginetest.Props{"marketing": true, "email": false}})
		s.Must(s.Customers.SetTraits(s.Ctx, enginetest.Noon, "ben", nil))
		s.Equal(s.Customer("ben").Traits, enginetest.Props{})
		c, err := s.Analytics.Counts(s.Ctx)
		s.Must(err)
		s.Equal([]int64{c.Customers, c.Events, c.Pending}, []int64{2, 0, 0})
		// What is seeded is how it was before: the next event does not find it new.
		s.Equal(len(s.Ingest(enginetest.Noon, s.Track("ana", "Page", nil))[0].Entered), 0)
		if err := s.Customers.SetTraits(s.Ctx, enginetest.Noon, "", nil); !message.IsInput(err) {
			s.T.Fatalf("got %v", err)
		}
		if err := s.Customers.SetTraits(s.Ctx, enginetest.Noon, "ana", enginetest.Props{"x": func() {}}); !message.IsInput(err) {
			s.T.Fatalf("got %v", err)
		}
	})
}

func TestHoldoutOption(t *testing.T) {
	t.Parallel()
	s, err := engine.Open(t.Context(), engine.Options{URL: sqldb.InMemory, Holdout: func(journey, customerID string, percent float64) bool {
		return journey == "cart" && customerID == "ana" && percent == 5
	}})
	if err != nil {
		t.Fatal(err)
	}
	u := &enginetest.Suite{T: t, Engine: s, Ctx: t.Context()}
	t.Cleanup(func() { u.Must(s.Close()) })
	u.Publish([]*journey.Definition{enginetest.Cart(func(d *journey.Definition) { d.Entry.Holdout = 5 })}, enginetest.Reminder())
	u.Equal([]bool{u.Enter("ana", nil).Holdout, u.Enter("ben", nil).Holdout}, []bool{true, false})
}

func BenchmarkOpenInMemory(b *testing.B) {
	for b.Loop() {
		s, err := engine.Open(b.Context(), engine.Options{URL: sqldb.InMemory})
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
	s, err := engine.Open(b.Context(), engine.Options{URL: url})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Catalog.Publish(b.Context(), enginetest.Noon,
		enginetest.Content([]*journey.Definition{enginetest.Cart(enginetest.Keyed)}, enginetest.Reminder())); err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		n++
		now := enginetest.Noon.Add(time.Duration(n) * time.Second)
		if _, err := s.Intake.Ingest(b.Context(), now, []customer.SegmentCall{{Type: "track", MessageID: fmt.Sprint(n),
			UserID: fmt.Sprintf("c%d", n%100), Event: "Cart Updated", Properties: enginetest.Props{"cart_id": "1"}}}); err != nil {
			b.Fatal(err)
		}
		leases, err := s.Outbox.Lease(b.Context(), enginetest.Wall, 10, time.Minute)
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
	s, err := engine.Open(b.Context(), engine.Options{URL: b.TempDir() + "/tabi.db"})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Catalog.Publish(b.Context(), enginetest.Noon,
		enginetest.Content([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())); err != nil {
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
					Properties: enginetest.Props{"cart_id": "1"},
				},
			)
		}
		if _, err := s.Intake.Ingest(b.Context(), enginetest.Noon, calls); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}

// A caller who gives up in the middle leaves the database as it was: its one connection is not thrown away.
func TestMemoryOutlivesItsCallers(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t, sqldb.InMemory)
	s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
	s.Enter("ana", nil)
	for i := range 20 {
		ctx, cancel := context.WithCancel(s.Ctx)
		err := s.Units.Change(ctx, enginetest.Noon, func(tx sqldb.Conn, b *unit.Unit) error {
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
