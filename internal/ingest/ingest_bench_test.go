package ingest_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
)

// BenchmarkSingles is 64 connections that bring one event each, most of which nobody hears.
func BenchmarkSingles(b *testing.B) { benchmarkIntake(b, 32, 1) }

// BenchmarkBatches is 8 connections that bring 250 events each.
func BenchmarkBatches(b *testing.B) { benchmarkIntake(b, 4, 250) }

// benchmarkIntake is so many connections times two cores; of 20 events one is heard.
func benchmarkIntake(b *testing.B, connections, size int) {
	enginetest.BenchEach(b, func(b *testing.B, url string) {
		s, err := engine.Open(b.Context(), engine.Options{URL: url})
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		if _, err := s.Catalog.Publish(b.Context(), enginetest.Noon,
			enginetest.Content([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())); err != nil {
			b.Fatal(err)
		}
		var n atomic.Int64
		b.SetParallelism(connections)
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				var calls []customer.SegmentCall
				for range size {
					i := n.Add(1)
					name := "Product Viewed"
					if i%20 == 0 {
						name = "Cart Updated"
					}
					calls = append(
						calls,
						customer.SegmentCall{
							Type:       "track",
							MessageID:  fmt.Sprint(i),
							UserID:     fmt.Sprintf("c%d", i*7919%10_000),
							Event:      name,
							Properties: enginetest.Props{"product_id": "p", "n": i},
						},
					)
				}
				if _, err := s.Intake.Ingest(b.Context(), enginetest.Noon, calls); err != nil {
					b.Error(err)
				}
			}
		})
		b.ReportMetric(float64(n.Load())/b.Elapsed().Seconds(), "events/s")
	})
}
