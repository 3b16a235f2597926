package customer_test

import (
	"testing"

	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
)

func TestSetTraits(t *testing.T) {
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
		// Fixture traits count as old, so the next event does not make their condition true.
		s.Equal(len(s.Ingest(enginetest.Noon, s.Track("ana", "Page", nil))[0].Entered), 0)
		if err := s.Customers.SetTraits(s.Ctx, enginetest.Noon, "", nil); !message.IsInput(err) {
			s.T.Fatalf("got %v", err)
		}
		if err := s.Customers.SetTraits(s.Ctx, enginetest.Noon, "ana", enginetest.Props{"x": func() {}}); !message.IsInput(err) {
			s.T.Fatalf("got %v", err)
		}
	})
}
