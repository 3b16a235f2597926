package outbox_test

import (
	"fmt"
	"testing"

	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Dropping a customer's backlog deletes the events and keeps starts and commands, in order, also under a lease.
func TestDropBacklog(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish([]*journey.Definition{enginetest.Cart(enginetest.Keyed)})
		for i := range 3 {
			s.Ingest(enginetest.Noon, s.Track("ana", "Cart Updated", enginetest.Props{"cart_id": fmt.Sprint(i)}))
		}
		running := s.Lease()
		s.Equal(len(running), 3)
		s.Must(s.Outbox.Delivered(s.Ctx, running[0], running[0].Deliveries[0].Seq))
		held := running[1] // its relay has not marked anything yet
		for range 70 {
			s.Ingest(enginetest.Noon, s.Track("ana", "Order Completed", nil), s.Track("ben", "Order Completed", nil))
		}
		pause := contract.Command{Kind: contract.PauseUpdate}
		s.Must(s.Enrollments.Command(s.Ctx, enginetest.Noon, running[0].Enrollment.WorkflowID, pause))
		s.Ingest(enginetest.Noon, s.Track("ben", "Cart Updated", enginetest.Props{"cart_id": "1"}))
		all, err := s.Outbox.Backlogs(s.Ctx, 10)
		s.Must(err)
		s.Equal([]any{len(all), all[0].Customer, all[0].Entries, all[0].Enrollments}, []any{2, "ana", int64(3*70 + 2 + 1), 3})
		got, err := s.Outbox.DropBacklog(s.Ctx, enginetest.Noon, "ana")
		s.Must(err)
		s.Equal([]any{got.Entries, got.Enrollments}, []any{int64(210), 3})
		s.WantError(s.Outbox.Delivered(s.Ctx, held, held.Deliveries[0].Seq), unit.ErrSuperseded)
		s.Ingest(enginetest.Noon, s.Track("ana", "Order Completed", nil))
		drained := s.Drain()
		want := map[string]bool{}
		for _, one := range drained {
			want[one] = true
		}
		if len(drained) != 7 || !want["start cart/ana/1"] || !want["start cart/ana/2"] || !want["event Order Completed cart/ana/0"] {
			t.Errorf("got %q", drained)
		}
		got, err = s.Outbox.DropBacklog(s.Ctx, enginetest.Noon, "ana")
		s.Must(err)
		s.Equal(got.Entries, int64(0))
	})
}
