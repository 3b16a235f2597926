package outbox_test

import (
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/unit"
)

func TestUndelivered(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()})
		e := s.Enter("ana", enginetest.Props{"cart_id": "k1"})
		ids, err := s.Outbox.Undelivered(s.Ctx, enginetest.Ref(e), enginetest.Noon.Add(time.Hour))
		s.Must(err)
		s.Equal(len(ids), 0) // its own start does not count
		for i, id := range []string{"o1", "o2"} {
			call := s.Track("ana", "Order Completed", enginetest.Props{"cart_id": "k1"})
			call.MessageID = id
			s.Ingest(enginetest.Noon.Add(time.Duration(i+1)*time.Hour), call)
		}
		ids, err = s.Outbox.Undelivered(s.Ctx, enginetest.Ref(e), enginetest.Noon.Add(time.Hour))
		s.Must(err)
		s.Equal(ids, []string{"o1"})
		ids, err = s.Outbox.Undelivered(s.Ctx, enginetest.Ref(e), enginetest.Noon.Add(2*time.Hour))
		s.Must(err)
		s.Equal(ids, []string{"o1", "o2"})
		s.Drain()
		ids, err = s.Outbox.Undelivered(s.Ctx, enginetest.Ref(e), enginetest.Noon.Add(2*time.Hour))
		s.Must(err)
		s.Equal(len(ids), 0)
		s.CloseLost(e.ID, "failed", "lost")
		_, err = s.Outbox.Undelivered(s.Ctx, enginetest.Ref(e), enginetest.Noon)
		s.WantError(err, unit.ErrSuperseded)
	})
}
