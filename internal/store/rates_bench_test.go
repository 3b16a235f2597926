package store

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/pgtest"
)

// What a send with a rate costs more: one statement.
func BenchmarkTakeTokens(b *testing.B) {
	for _, kind := range []string{"sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) {
			url := filepath.Join(b.TempDir(), "tabi.db")
			if kind == "postgres" {
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
			now, pace := wall, Pace{Interval: time.Millisecond, Burst: 1000}
			for b.Loop() {
				now = now.Add(time.Millisecond)
				if _, _, err := s.TakeTokens(b.Context(), now, "email", 1, pace, time.Hour); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
