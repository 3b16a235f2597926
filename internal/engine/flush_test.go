package engine_test

import (
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
)

// The order in which rooms write matters: time zones are compared with the traits that the database has. Written after
// them, no change would be seen, and a schedule would enter nobody at the customer's own time.
func TestFlushOrderMatters(t *testing.T) {
	t.Parallel()
	for name, swap := range map[string]bool{"as composed": false, "time zones after traits": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := enginetest.New(t, ":memory:")
			if swap {
				order := s.Units.Hooks.Flush
				order[0], order[1] = order[1], order[0]
			}
			s.Publish([]*journey.Definition{enginetest.Scheduled(enginetest.EveryDay("09:00", ""))}, enginetest.Reminder())
			s.Ingest(enginetest.Noon, s.Identify("ana", enginetest.Props{"timezone": "Asia/Tokyo"}))
			entered := len(s.RunSchedules(time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC))) == 1
			if entered == swap {
				t.Errorf("entered at nine in Tokyo: %t", entered)
			}
		})
	}
}
