package ingest_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
)

// BenchmarkSingles ingests single events over 64 connections. No enrollment listens for most of them.
func BenchmarkSingles(b *testing.B) { benchmarkIntake(b, 32, 1) }

// BenchmarkBatches ingests batches of 250 events over 8 connections.
func BenchmarkBatches(b *testing.B) { benchmarkIntake(b, 4, 250) }

// benchmarkIntake ingests over connections times two cores. An enrollment listens for one of 20 events.
func benchmarkIntake(b *testing.B, connections, size int) {
	enginetest.BenchEach(b, func(b *testing.B, url string) {
		s := enginetest.OpenBench(b, url, enginetest.Content([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder()))
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

// BenchmarkIngest ingests batches of fifty events on a SQLite file.
func BenchmarkIngest(b *testing.B) {
	c := enginetest.Content([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
	enginetest.BenchIngest(b, enginetest.OpenBench(b, b.TempDir()+"/tabi.db", c))
}
