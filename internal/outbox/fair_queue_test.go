package outbox_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// serve leases up to n enrollments, delivers everything in their leases, and returns their customers.
func (s *suite) serve(n int) []string {
	s.T.Helper()
	leases, err := s.Outbox.Lease(s.Ctx, enginetest.Wall, n, time.Minute)
	s.Must(err)
	var out []string
	for _, l := range leases {
		if len(l.Deliveries) > outbox.LeaseDeliveries {
			s.T.Fatalf("a lease holds %d deliveries", len(l.Deliveries))
		}
		out = append(out, l.Enrollment.Customer)
		s.Must(s.Outbox.Delivered(s.Ctx, l, l.Deliveries[len(l.Deliveries)-1].Seq))
	}
	return out
}

// After a part of a long queue is delivered, other enrollments have their turn, though their events are newer.
func TestLongQueueYieldsAfterItsTurn(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish(enginetest.Carts(), enginetest.Reminder())
		s.Enter("ana", enginetest.Props{"cart_id": "c1"})
		var calls []customer.SegmentCall
		for range 3 * outbox.LeaseDeliveries {
			calls = append(calls, s.Track("ana", "Cart Viewed", nil))
		}
		s.Ingest(enginetest.Noon, calls...)
		for i, customerID := range []string{"bea", "cleo"} {
			s.Ingest(
				enginetest.Noon.Add(time.Duration(i+1)*time.Second),
				s.Track(customerID, "Cart Updated", enginetest.Props{"cart_id": "c1"}),
			)
		}
		s.Outbox.Leased.Store(0)
		s.Equal(
			[][]string{s.serve(1), s.serve(1), s.serve(1), s.serve(1), s.serve(1), s.serve(1)},
			[][]string{{"ana"}, {"bea"}, {"cleo"}, {"ana"}, {"ana"}, nil},
		)
	})
}

// Many enrollments of one customer are served after those of other customers, and do not starve.
func TestManyEnrollmentsOfOneCustomerYieldToOthers(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish(enginetest.Carts(enginetest.Keyed, enginetest.Reentry("always", 0)), enginetest.Reminder())
		var calls []customer.SegmentCall
		for i := range 5 * unit.Crowd {
			calls = append(calls, s.Track("ana", "Cart Updated", enginetest.Props{"cart_id": fmt.Sprint(i)}))
		}
		s.Ingest(enginetest.Noon, calls...)
		for i := range 12 {
			s.Ingest(enginetest.Noon.Add(time.Second), s.Track(fmt.Sprintf("c%02d", i), "Cart Updated", enginetest.Props{"cart_id": "x"}))
		}
		s.Outbox.Leased.Store(0)
		served := map[string]int{}
		for range 4 {
			for _, who := range s.serve(4) {
				served[who]++
			}
		}
		// Three of four leases are for other customers, the fourth for the customer with many enrollments.
		if len(served) != 13 || served["ana"] != 4 {
			s.T.Fatalf("served %v", served)
		}
		for left := 5*unit.Crowd - 4; left > 0; left -= 4 {
			s.Equal(len(s.serve(4)), 4)
		}
		s.Equal(len(s.serve(4)), 0)
	})
}

// A failed delivery is retried at its time, even if many new ones arrive meanwhile.
func TestFailedQueueDoesNotStarve(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish(enginetest.Carts(), enginetest.Reminder())
		s.Ingest(enginetest.Noon, s.Track("ana", "Cart Updated", nil))
		l := s.Lease()[0]
		s.Must(s.Outbox.ReleaseLease(s.Ctx, l, "away", enginetest.Wall))
		for i := range 40 {
			s.Ingest(enginetest.Noon, s.Track(fmt.Sprintf("c%02d", i), "Cart Updated", nil))
		}
		s.Outbox.Leased.Store(0)
		for n := range 2 * outbox.TurnOfTheOthers {
			if got := s.serve(1); got[0] == "ana" {
				if n+1 != outbox.TurnOfTheOthers {
					s.T.Fatalf("retried at lease %d, want a later one", n+1)
				}
				return
			}
		}
		s.T.Fatal("the failed delivery was not retried")
	})
}
