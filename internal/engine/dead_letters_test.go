package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func TestASetAsideEventLetsTheOthersPass(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes(carts(), reminder())
		e := s.enters("ana", props{"cart_id": "c1"})
		s.ingest(noon, s.track("ana", "Cart Viewed", nil), s.track("ana", "Order Completed", props{"cart_id": "c1"}))
		l := s.lease()[0]
		poison := l.Deliveries[0]
		s.must(s.Outbox.SetAside(s.ctx, noon, l, poison.Seq, "it is "+strings.Repeat("too large ", 100)))
		s.refused(s.Outbox.SetAside(s.ctx, noon, l, poison.Seq, "again"), unit.ErrSuperseded)
		s.must(s.Outbox.Delivered(s.ctx, l, l.Deliveries[1].Seq))
		s.must(s.Outbox.ReleaseLease(s.ctx, l, "", time.Time{}))

		got, err := s.Outbox.DeadLetters(s.ctx, outbox.DeadLetterFilter{})
		s.must(err)
		if len(got) != 1 || len(got[0].Error) > outbox.MaxCause || got[0].Attempts != 1 {
			s.T.Fatalf("%+v", got)
		}
		got[0].Error = ""
		s.same(
			got[0],
			outbox.DeadLetter{
				Enrollment: e.ID,
				WorkflowID: "cart/ana",
				Journey:    "cart",
				Customer:   "ana",
				Seq:        poison.Seq,
				Kind:       outbox.DeadLetterEvent,
				Event:      poison.Delivery.ID,
				Name:       "Cart Viewed",
				Attempts:   1,
				At:         noon,
			},
		)
		c, err := s.Analytics.Counts(s.ctx)
		s.must(err)
		s.same([]int64{c.DeadLetters, c.Pending}, []int64{1, 0})
		if on, err := s.Outbox.Undelivered(s.ctx, ref(e), noon.Add(time.Hour)); err != nil || len(on) != 0 {
			s.T.Fatal("what is set aside is waited for:", on, err)
		}
		page, err := s.Outbox.DeadLetters(s.ctx, outbox.DeadLetterFilter{After: e.ID, AfterSeq: poison.Seq})
		s.must(err)
		s.same(len(page), 0)

		n, err := s.Outbox.RetryDeadLetters(s.ctx, noon, got, false)
		s.must(err)
		s.same(n, 1)
		s.same(s.drain(), []string{"event Cart Viewed cart/ana"})
		n, err = s.Outbox.RetryDeadLetters(s.ctx, noon, got, false)
		s.must(err)
		s.same(n, 0)
	})
}

func TestASetAsideStartHoldsItsOwnQueueAlone(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes(carts(), reminder())
		start := func(customerID string) []outbox.DeadLetter {
			s.T.Helper()
			s.ingest(noon, s.track(customerID, "Cart Updated", props{"cart_id": "c1"}))
			l := s.lease()[0]
			s.must(s.Outbox.SetAside(s.ctx, noon, l, l.Deliveries[0].Seq, "refused"))
			s.ingest(noon, s.track(customerID, "Cart Viewed", nil))
			got, err := s.Outbox.DeadLetters(s.ctx, outbox.DeadLetterFilter{WorkflowID: "cart/" + customerID})
			s.must(err)
			if len(got) != 1 || got[0].Kind != outbox.DeadLetterStart {
				s.T.Fatalf("%+v", got)
			}
			if leases := s.lease(); len(leases) != 0 {
				s.T.Fatalf("what stands behind the start is leased: %+v", leases)
			}
			return got
		}
		ana := start("ana")
		n, err := s.Outbox.RetryDeadLetters(s.ctx, noon, ana, false)
		s.must(err)
		s.same(n, 1)
		s.same(s.drain(), []string{"start cart/ana", "event Cart Viewed cart/ana"})

		bea := start("bea")
		n, err = s.Outbox.RetryDeadLetters(s.ctx, noon, bea, true)
		s.must(err)
		s.same(n, 1)
		given := s.byID(bea[0].Enrollment)
		s.same([]string{given.State, given.Outcome}, []string{unit.StateClosed, contract.Failed})
		s.ingest(noon, s.track("bea", "Cart Updated", props{"cart_id": "c2"}))
		s.same(s.drain(), []string{"start cart/bea"})
	})
}

func TestWhatIsSetAsideGoesWithItsInstance(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes(carts(), reminder())
		e := s.enters("ana", props{"cart_id": "c1"})
		s.ingest(noon, s.track("ana", "Cart Viewed", nil))
		l := s.lease()[0]
		s.must(s.Outbox.SetAside(s.ctx, noon, l, l.Deliveries[0].Seq, "refused"))
		got, err := s.Outbox.DeadLetters(s.ctx, outbox.DeadLetterFilter{})
		s.must(err)
		s.ends(e, contract.Completed, noon)
		c, err := s.Analytics.Counts(s.ctx)
		s.must(err)
		s.same(c.DeadLetters, int64(0))
		n, err := s.Outbox.RetryDeadLetters(s.ctx, noon, got, false)
		s.must(err)
		s.same(n, 0)
	})
}
