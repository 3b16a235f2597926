package engine

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func TestLeaseBringsTheStartFirst(t *testing.T) {
	each(t, func(s *suite) {
		d := cart(keyed)
		clock := clock.Clock{Origin: noon, Epoch: wall, Scale: 3600}
		s.must(s.Customers.SetClock(s.ctx, clock))
		s.publishes([]*journey.Definition{d})
		s.ingest(noon, s.track("ana", "Cart Updated", props{"cart_id": "k1", "secret": "x"}))
		s.ingest(noon, s.track("ana", "Order Completed", props{"cart_id": "k1"}), s.track("ana", "Cart Viewed", nil))
		l := s.lease()
		s.same(len(l), 1)
		s.same([]string{told(l[0], l[0].Deliveries[0]), told(l[0], l[0].Deliveries[1]), told(l[0], l[0].Deliveries[2])},
			[]string{"start cart/ana/k1", "event Order Completed cart/ana/k1", "event Cart Viewed cart/ana/k1"})
		in := *l[0].Deliveries[0].Start
		definition := in.Definition
		in.Definition = nil
		s.same(
			in,
			contract.Input{
				Interpreter: contract.InterpreterVersion,
				Enrollment:  l[0].Enrollment.ID,
				Journey:     "cart",
				Revision:    d.Revision(),
				Customer:    "ana",
				Key:         "k1",
				Clock:       clock,
				EnteredAt:   noon,
				EntryEvent:  "m1",
				EntryName:   "Cart Updated",
				Entry:       props{"cart_id": "k1"},
			},
		)
		if _, err := journey.Load(definition, d.Revision()); err != nil {
			s.T.Fatal(err)
		}
	})
}

func TestTwoRelaysLeaseDisjointly(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()})
		var calls []customer.SegmentCall
		for i := range 100 {
			calls = append(calls, s.track(fmt.Sprintf("c%03d", i), "Cart Updated", nil))
		}
		s.ingest(noon, calls...)
		var mu sync.Mutex
		held := map[string]int{}
		var wg sync.WaitGroup
		for range 4 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for range 20 {
					l, err := s.Outbox.Lease(s.ctx, wall, 10, time.Minute)
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
		s.same(len(held), 100)
		for id, n := range held {
			if n != 1 {
				s.T.Fatalf("%s was leased %d times", id, n)
			}
		}
	})
}

func TestALostLeaseIsRefused(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()})
		s.ingest(noon, s.track("ana", "Cart Updated", nil))
		first := s.lease()[0]
		s.same(len(s.lease()), 0)
		later, err := s.Outbox.Lease(s.ctx, wall.Add(2*time.Minute), 10, time.Minute)
		s.must(err)
		s.same(len(later), 1) // the relay that held it died
		s.refused(s.Outbox.Delivered(s.ctx, first, 1), unit.ErrSuperseded)
		s.refused(s.Outbox.ReleaseLease(s.ctx, first, "", time.Time{}), unit.ErrSuperseded)
		s.must(s.Outbox.Delivered(s.ctx, later[0], 1))
		s.must(s.Outbox.Delivered(s.ctx, later[0], 1)) // said twice
		s.must(s.Outbox.ReleaseLease(s.ctx, later[0], "", time.Time{}))
		s.same(len(s.lease()), 0)
	})
}

func TestPoisonBlocksNobodyElse(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()})
		for i := range 5 {
			s.ingest(noon, s.track(fmt.Sprintf("bad%d", i), "Cart Updated", nil))
		}
		for n := range 5 {
			for _, l := range s.lease() {
				s.same(l.Attempts, n)
				s.must(s.Outbox.ReleaseLease(s.ctx, l, "Temporal says no", wall))
			}
		}
		s.ingest(noon.Add(time.Hour), s.track("good", "Cart Updated", nil))
		l, err := s.Outbox.Lease(s.ctx, wall, 1, time.Minute)
		s.must(err)
		s.same(l[0].Enrollment.Customer, "good") // though the others are older and due
		c, err := s.Analytics.Counts(s.ctx)
		s.must(err)
		s.same([]int64{c.Failing, c.Pending}, []int64{5, 6})
		s.same(c.OldestPending, noon)
		for _, l := range s.lease() {
			s.must(s.Outbox.ReleaseLease(s.ctx, l, "again", wall.Add(time.Minute)))
		}
		s.same(len(s.lease()), 0) // not before its time
		l, err = s.Outbox.Lease(s.ctx, wall.Add(time.Minute), 10, time.Minute)
		s.must(err)
		s.same(len(l), 6)
	})
}

func TestLongQueuesComeInPieces(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()})
		s.enters("ana", nil)
		var calls []customer.SegmentCall
		for range 120 {
			calls = append(calls, s.track("ana", "Order Completed", nil))
		}
		s.ingest(noon, calls...)
		l := s.lease()[0]
		s.same(len(l.Deliveries), outbox.LeaseDeliveries)
		s.same(len(s.drain2(l)), 120)
	})
}

// drain2 delivers a lease and then the rest.
func (s *suite) drain2(l outbox.Lease) []string {
	s.T.Helper()
	var out []string
	for _, d := range l.Deliveries {
		out = append(out, told(l, d))
		s.must(s.Outbox.Delivered(s.ctx, l, d.Seq))
	}
	s.must(s.Outbox.ReleaseLease(s.ctx, l, "", time.Time{}))
	return append(out, s.drain()...)
}

func TestCommittedWakesTheRelay(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()})
		s.ingest(noon, s.track("ana", "Unheard", nil))
		select {
		case <-s.Units.Committed():
			s.T.Fatal("woken for nothing")
		default:
		}
		s.ingest(noon, s.track("ana", "Cart Updated", nil), s.track("ben", "Cart Updated", nil))
		select {
		case <-s.Units.Committed():
		default:
			s.T.Fatal("not woken")
		}
	})
}

func TestCommands(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()})
		s.refused(s.Enrollments.Command(s.ctx, noon, "cart/ana", contract.Command{Kind: "exit"}), sqldb.ErrNotFound)
		e := s.enters("ana", nil)
		s.must(s.Enrollments.Command(s.ctx, noon, "cart/ana", contract.Command{Kind: "pause", By: "eve", Reason: "holiday"}))
		s.same(s.byID(e.ID).Paused, true)
		l := s.lease()[0]
		s.same(l.Deliveries[0].Delivery.Command, &contract.Command{Kind: "pause", By: "eve", Reason: "holiday"})
		s.same(l.Deliveries[0].Delivery.Enrollment, e.ID)
		s.ends(e, "cancelled", noon)
		s.refused(s.Enrollments.Command(s.ctx, noon, "cart/ana", contract.Command{Kind: "exit"}), sqldb.ErrNotFound)
	})
}

func TestPauseJourney(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart(), cart(named("other"))}, reminder())
		e := s.enters2("ana")
		s.enters2("ben")
		n, err := s.Enrollments.PauseJourney(s.ctx, noon, "cart", "eve", true)
		s.must(err)
		s.same(n, 2)
		s.same(s.drain(), []string{"pause cart/ana", "pause cart/ben"})
		res, err := s.asks(wall, s.send(e, "k"), yes)
		s.must(err)
		s.same(res.Done, &contract.SendResult{Status: contract.StatusPaused})
		rows, err := s.Messages.Sends(s.ctx, message.SendFilter{})
		s.must(err)
		s.same(len(rows), 0)
		s.same(s.ingest(noon, s.track("eve", "Cart Updated", nil))[0].Entered, []string{"other/eve"})
		s.drain()
		c, err := s.Analytics.Counts(s.ctx)
		s.must(err)
		s.same(c.PausedJourneys, []string{"cart"})
		n, err = s.Enrollments.PauseJourney(s.ctx, noon, "cart", "eve", false)
		s.must(err)
		s.same(n, 2)
		s.same(s.drain(), []string{"resume cart/ana", "resume cart/ben"})
		res, err = s.asks(wall, s.send(e, "k"), yes)
		s.must(err)
		s.same(res.Verdict.Channel, "email")
		_, err = s.Enrollments.PauseJourney(s.ctx, noon, "nowhere", "eve", true)
		s.refused(err, sqldb.ErrNotFound)
	})
}

// enters2 enters cart where other journeys are entered too.
func (s *suite) enters2(customerID string) unit.Enrollment {
	s.T.Helper()
	s.ingest(noon, s.track(customerID, "Cart Updated", nil))
	s.drain()
	return s.at("cart/" + customerID)
}
