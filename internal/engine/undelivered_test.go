package engine

import (
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/unit"
)

func TestOnTheirWay(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()})
		e := s.enters("ana", props{"cart_id": "k1"})
		ids, err := s.Outbox.Undelivered(s.ctx, ref(e), noon.Add(time.Hour))
		s.must(err)
		s.same(len(ids), 0) // its own start is not on its way to it
		for i, id := range []string{"o1", "o2"} {
			call := s.track("ana", "Order Completed", props{"cart_id": "k1"})
			call.MessageID = id
			s.ingest(noon.Add(time.Duration(i+1)*time.Hour), call)
		}
		ids, err = s.Outbox.Undelivered(s.ctx, ref(e), noon.Add(time.Hour))
		s.must(err)
		s.same(ids, []string{"o1"})
		ids, err = s.Outbox.Undelivered(s.ctx, ref(e), noon.Add(2*time.Hour))
		s.must(err)
		s.same(ids, []string{"o1", "o2"})
		s.drain()
		ids, err = s.Outbox.Undelivered(s.ctx, ref(e), noon.Add(2*time.Hour))
		s.must(err)
		s.same(len(ids), 0)
		s.loses(e.ID, "failed", "lost")
		_, err = s.Outbox.Undelivered(s.ctx, ref(e), noon)
		s.refused(err, unit.ErrSuperseded)
	})
}
