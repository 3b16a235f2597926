package customer_test

import (
	"testing"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

func TestFirstEventFixesTheClock(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		c, err := s.Database.Clock(s.Ctx)
		s.Must(err)
		s.Equal(c, clock.Clock{})
		want := clock.Clock{Origin: enginetest.Noon, Epoch: enginetest.Wall, Scale: 60}
		s.Must(s.Customers.SetClock(s.Ctx, clock.Clock{Scale: 2}))
		s.Must(s.Customers.SetClock(s.Ctx, want))
		s.Ingest(enginetest.Noon, s.Track("ana", "Seen", nil))
		s.Must(s.Customers.SetClock(s.Ctx, want))
		s.WantError(s.Customers.SetClock(s.Ctx, clock.Clock{}), sqldb.ErrClockFixed)
		c, err = s.Database.Clock(s.Ctx)
		s.Must(err)
		s.Equal(c, want)
	})
}
