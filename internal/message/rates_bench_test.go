package message_test

import (
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/message"
)

// A send with a rate limit costs one more statement.
func BenchmarkTakeTokens(b *testing.B) {
	enginetest.BenchEach(b, func(b *testing.B, url string) {
		s, err := engine.Open(b.Context(), engine.Options{URL: url})
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		now, pace := enginetest.Wall, message.Pace{Interval: time.Millisecond, Burst: 1000}
		for b.Loop() {
			now = now.Add(time.Millisecond)
			if _, _, err := s.Messages.TakeTokens(b.Context(), now, "email", 1, pace, time.Hour); err != nil {
				b.Fatal(err)
			}
		}
	})
}
