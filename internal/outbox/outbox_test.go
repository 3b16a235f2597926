package outbox_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func TestLeaseDeliversTheStartFirst(t *testing.T) {
	each(t, func(s *suite) {
		d := enginetest.Cart(enginetest.Keyed)
		clock := clock.Clock{Origin: enginetest.Noon, Epoch: enginetest.Wall, Scale: 3600}
		s.Must(s.Customers.SetClock(s.Ctx, clock))
		s.Publish([]*journey.Definition{d})
		s.Ingest(enginetest.Noon, s.Track("ana", "Cart Updated", enginetest.Props{"cart_id": "k1", "secret": "x"}))
		s.Ingest(enginetest.Noon, s.Track("ana", "Order Completed", enginetest.Props{"cart_id": "k1"}), s.Track("ana", "Cart Viewed", nil))
		l := s.Lease()
		s.Equal(len(l), 1)
		s.Equal(
			[]string{
				enginetest.Describe(l[0], l[0].Deliveries[0]),
				enginetest.Describe(l[0], l[0].Deliveries[1]),
				enginetest.Describe(l[0], l[0].Deliveries[2]),
			},
			[]string{"start cart/ana/k1", "event Order Completed cart/ana/k1", "event Cart Viewed cart/ana/k1"},
		)
		in := *l[0].Deliveries[0].Start
		definition := in.Definition
		in.Definition = nil
		s.Equal(
			in,
			contract.Input{
				Interpreter: contract.InterpreterVersion,
				Enrollment:  l[0].Enrollment.ID,
				Journey:     "cart",
				Revision:    d.Revision(),
				Customer:    "ana",
				Draw:        "ana",
				Key:         "k1",
				Clock:       clock,
				EnteredAt:   enginetest.Noon,
				EntryEvent:  "m1",
				EntryName:   "Cart Updated",
				Entry:       json.RawMessage(`{"cart_id":"k1"}`),
			},
		)
		if _, err := journey.Load(definition, d.Revision()); err != nil {
			s.T.Fatal(err)
		}
	})
}

func TestTwoRelaysLeaseDisjointly(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()})
		var calls []customer.SegmentCall
		for i := range 100 {
			calls = append(calls, s.Track(fmt.Sprintf("c%03d", i), "Cart Updated", nil))
		}
		s.Ingest(enginetest.Noon, calls...)
		var mu sync.Mutex
		held := map[string]int{}
		var wg sync.WaitGroup
		for range 4 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for range 20 {
					l, err := s.Outbox.Lease(s.Ctx, enginetest.Wall, 10, time.Minute)
					if err != nil {
						s.T.Error(err)
						return
					}
					mu.Lock()
					for _, one := range l {
						held[one.Enrollment.ID]++
					}
					mu.Unlock()
				}
			}()
		}
		wg.Wait()
		s.Equal(len(held), 100)
		for id, n := range held {
			if n != 1 {
				s.T.Fatalf("%s was leased %d times", id, n)
			}
		}
	})
}

func TestLostLeaseIsRefused(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()})
		s.Ingest(enginetest.Noon, s.Track("ana", "Cart Updated", nil))
		first := s.Lease()[0]
		s.Equal(len(s.Lease()), 0)
		later, err := s.Outbox.Lease(s.Ctx, enginetest.Wall.Add(2*time.Minute), 10, time.Minute)
		s.Must(err)
		s.Equal(len(later), 1) // the relay with the first lease died
		s.WantError(s.Outbox.Delivered(s.Ctx, first, 1), unit.ErrSuperseded)
		s.WantError(s.Outbox.ReleaseLease(s.Ctx, first, "", time.Time{}), unit.ErrSuperseded)
		s.Must(s.Outbox.Delivered(s.Ctx, later[0], 1))
		s.Must(s.Outbox.Delivered(s.Ctx, later[0], 1)) // reported twice
		s.Must(s.Outbox.ReleaseLease(s.Ctx, later[0], "", time.Time{}))
		s.Equal(len(s.Lease()), 0)
	})
}

func TestFailingEntryBlocksOnlyItsQueue(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()})
		for i := range 5 {
			s.Ingest(enginetest.Noon, s.Track(fmt.Sprintf("bad%d", i), "Cart Updated", nil))
		}
		for n := range 5 {
			for _, l := range s.Lease() {
				s.Equal(l.Attempts, n)
				s.Must(s.Outbox.ReleaseLease(s.Ctx, l, "Temporal says no", enginetest.Wall))
			}
		}
		s.Ingest(enginetest.Noon.Add(time.Hour), s.Track("good", "Cart Updated", nil))
		l, err := s.Outbox.Lease(s.Ctx, enginetest.Wall, 1, time.Minute)
		s.Must(err)
		s.Equal(l[0].Enrollment.Customer, "good") // though the other entries are older
		c, err := s.Analytics.Counts(s.Ctx)
		s.Must(err)
		s.Equal([]int64{c.Failing, c.Pending}, []int64{5, 6})
		s.Equal(c.OldestPending, enginetest.Noon)
		for _, l := range s.Lease() {
			s.Must(s.Outbox.ReleaseLease(s.Ctx, l, "again", enginetest.Wall.Add(time.Minute)))
		}
		s.Equal(len(s.Lease()), 0) // not due yet
		l, err = s.Outbox.Lease(s.Ctx, enginetest.Wall.Add(time.Minute), 10, time.Minute)
		s.Must(err)
		s.Equal(len(l), 6)
	})
}

func TestLongQueueIsLeasedInPieces(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()})
		s.Enter("ana", nil)
		var calls []customer.SegmentCall
		for range 120 {
			calls = append(calls, s.Track("ana", "Order Completed", nil))
		}
		s.Ingest(enginetest.Noon, calls...)
		l := s.Lease()[0]
		s.Equal(len(l.Deliveries), outbox.LeaseDeliveries)
		s.Equal(len(s.deliverAndDrain(l)), 120)
	})
}

// deliverAndDrain delivers a lease and then all other deliveries.
func (s *suite) deliverAndDrain(l outbox.Lease) []string {
	s.T.Helper()
	var out []string
	for _, d := range l.Deliveries {
		out = append(out, enginetest.Describe(l, d))
		s.Must(s.Outbox.Delivered(s.Ctx, l, d.Seq))
	}
	s.Must(s.Outbox.ReleaseLease(s.Ctx, l, "", time.Time{}))
	return append(out, s.Drain()...)
}

func TestCommittedWakesTheRelay(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()})
		s.Ingest(enginetest.Noon, s.Track("ana", "Unheard", nil))
		select {
		case <-s.Units.Committed():
			s.T.Fatal("the relay was woken without a commit")
		default:
		}
		s.Ingest(enginetest.Noon, s.Track("ana", "Cart Updated", nil), s.Track("ben", "Cart Updated", nil))
		select {
		case <-s.Units.Committed():
		default:
			s.T.Fatal("the relay was not woken after a commit")
		}
	})
}
