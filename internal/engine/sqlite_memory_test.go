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
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// Databases in memory are independent of each other. Each can be used by many callers at once.
func TestMemoryDatabasesAreIndependent(t *testing.T) {
	t.Parallel()
	a, b := enginetest.New(t, sqldb.InMemory), enginetest.New(t, sqldb.InMemory)
	a.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
	done := make(chan error, 16)
	for i := range 16 {
		go func() {
			var err error
			for n := range 20 {
				call := customer.SegmentCall{
					Type: "track", MessageID: fmt.Sprintf("m%d/%d", i, n), UserID: fmt.Sprintf("c%d", i), Event: "Cart Updated",
				}
				if _, e := a.Intake.Ingest(a.Ctx, enginetest.Noon, []customer.SegmentCall{call}); e != nil {
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

// BenchmarkInMemory does what a simulation does most: it ingests an event, reports a step, and leases what is due.
func BenchmarkInMemory(b *testing.B) { benchmarkHotPath(b, sqldb.InMemory) }

func BenchmarkFile(b *testing.B) { benchmarkHotPath(b, b.TempDir()+"/tabi.db") }

func benchmarkHotPath(b *testing.B, url string) {
	s := enginetest.OpenBench(b, url, enginetest.Content([]*journey.Definition{enginetest.Cart(enginetest.Keyed)}, enginetest.Reminder()))
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

// If a caller gives up within a transaction, the database stays as it was: its only connection is kept.
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
			t.Fatal("the transaction did not fail with its context")
		}
		gone, cancel := context.WithCancel(s.Ctx)
		cancel()
		if _, err := s.Analytics.Counts(gone); err == nil {
			t.Fatal("the transaction did not fail with its context")
		}
	}
	c, err := s.Analytics.Counts(s.Ctx)
	s.Must(err)
	s.Equal([]int64{c.Events, c.Customers, c.Open["cart"]}, []int64{1, 1, 1})
}
