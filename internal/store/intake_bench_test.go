package store

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/pgtest"
)

// BenchmarkSingles is 64 connections that bring one event each, most of which nobody hears.
func BenchmarkSingles(b *testing.B) {
	for _, engine := range []string{"sqlite", "postgres"} {
		b.Run(engine, func(b *testing.B) {
			url := filepath.Join(b.TempDir(), "tabi.db")
			if engine == "postgres" {
				var ok bool
				if url, ok = pgtest.URL(b); !ok {
					b.Skip("no PostgreSQL")
				}
			}
			s, err := Open(b.Context(), Options{URL: url})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			if _, err := s.Publish(b.Context(), noon, content([]*journey.Definition{cart()}, reminder())); err != nil {
				b.Fatal(err)
			}
			var n atomic.Int64
			b.SetParallelism(32) // times two cores
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := n.Add(1)
					name := "Product Viewed"
					if i%20 == 0 {
						name = "Cart Updated"
					}
					if _, err := s.Ingest(b.Context(), noon, []Call{{Type: "track", MessageID: fmt.Sprint(i), UserID: fmt.Sprintf("c%d", i%10_000), Event: name, Properties: props{"product_id": "p", "n": i}}}); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
