package outbox_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func TestDeadEventDoesNotBlockLaterEvents(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish(enginetest.Carts(), enginetest.Reminder())
		e := s.Enter("ana", enginetest.Props{"cart_id": "c1"})
		s.Ingest(enginetest.Noon, s.Track("ana", "Cart Viewed", nil), s.Track("ana", "Order Completed", enginetest.Props{"cart_id": "c1"}))
		l := s.Lease()[0]
		poison := l.Deliveries[0]
		s.Must(s.Outbox.SetAside(s.Ctx, enginetest.Noon, l, poison.Seq, "it is "+strings.Repeat("too large ", 100)))
		s.WantError(s.Outbox.SetAside(s.Ctx, enginetest.Noon, l, poison.Seq, "again"), unit.ErrSuperseded)
		s.Must(s.Outbox.Delivered(s.Ctx, l, l.Deliveries[1].Seq))
		s.Must(s.Outbox.ReleaseLease(s.Ctx, l, "", time.Time{}))

		got, err := s.Outbox.DeadLetters(s.Ctx, outbox.DeadLetterFilter{})
		s.Must(err)
		if len(got) != 1 || len(got[0].Error) > outbox.MaxCause || got[0].Attempts != 1 {
			s.T.Fatalf("%+v", got)
		}
		got[0].Error = ""
		s.Equal(
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
				At:         enginetest.Noon,
			},
		)
		c, err := s.Analytics.Counts(s.Ctx)
		s.Must(err)
		s.Equal([]int64{c.DeadLetters, c.Pending}, []int64{1, 0})
		if on, err := s.Outbox.Undelivered(s.Ctx, enginetest.Ref(e), enginetest.Noon.Add(time.Hour)); err != nil || len(on) != 0 {
			s.T.Fatal("the outbox waits for a dead letter:", on, err)
		}
		page, err := s.Outbox.DeadLetters(s.Ctx, outbox.DeadLetterFilter{After: e.ID, AfterSeq: poison.Seq})
		s.Must(err)
		s.Equal(len(page), 0)

		n, err := s.Outbox.RetryDeadLetters(s.Ctx, enginetest.Noon, got, false)
		s.Must(err)
		s.Equal(n, 1)
		s.Equal(s.Drain(), []string{"event Cart Viewed cart/ana"})
		n, err = s.Outbox.RetryDeadLetters(s.Ctx, enginetest.Noon, got, false)
		s.Must(err)
		s.Equal(n, 0)
	})
}

func TestDeadStartBlocksOnlyItsOwnQueue(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish(enginetest.Carts(), enginetest.Reminder())
		start := func(customerID string) []outbox.DeadLetter {
			s.T.Helper()
			s.Ingest(enginetest.Noon, s.Track(customerID, "Cart Updated", enginetest.Props{"cart_id": "c1"}))
			l := s.Lease()[0]
			s.Must(s.Outbox.SetAside(s.Ctx, enginetest.Noon, l, l.Deliveries[0].Seq, "refused"))
			s.Ingest(enginetest.Noon, s.Track(customerID, "Cart Viewed", nil))
			got, err := s.Outbox.DeadLetters(s.Ctx, outbox.DeadLetterFilter{WorkflowID: "cart/" + customerID})
			s.Must(err)
			if len(got) != 1 || got[0].Kind != outbox.DeadLetterStart {
				s.T.Fatalf("%+v", got)
			}
			if leases := s.Lease(); len(leases) != 0 {
				s.T.Fatalf("deliveries after the dead start are leased: %+v", leases)
			}
			return got
		}
		ana := start("ana")
		n, err := s.Outbox.RetryDeadLetters(s.Ctx, enginetest.Noon, ana, false)
		s.Must(err)
		s.Equal(n, 1)
		s.Equal(s.Drain(), []string{"start cart/ana", "event Cart Viewed cart/ana"})

		bea := start("bea")
		n, err = s.Outbox.RetryDeadLetters(s.Ctx, enginetest.Noon, bea, true)
		s.Must(err)
		s.Equal(n, 1)
		given := s.Enrollment(bea[0].Enrollment)
		s.Equal([]string{given.State, given.Outcome}, []string{unit.StateClosed, contract.Failed})
		s.Ingest(enginetest.Noon, s.Track("bea", "Cart Updated", enginetest.Props{"cart_id": "c2"}))
		s.Equal(s.Drain(), []string{"start cart/bea"})
	})
}

func TestDeadLettersGoWithTheirEnrollment(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish(enginetest.Carts(), enginetest.Reminder())
		e := s.Enter("ana", enginetest.Props{"cart_id": "c1"})
		s.Ingest(enginetest.Noon, s.Track("ana", "Cart Viewed", nil))
		l := s.Lease()[0]
		s.Must(s.Outbox.SetAside(s.Ctx, enginetest.Noon, l, l.Deliveries[0].Seq, "refused"))
		got, err := s.Outbox.DeadLetters(s.Ctx, outbox.DeadLetterFilter{})
		s.Must(err)
		s.End(e, contract.Completed, enginetest.Noon)
		c, err := s.Analytics.Counts(s.Ctx)
		s.Must(err)
		s.Equal(c.DeadLetters, int64(0))
		n, err := s.Outbox.RetryDeadLetters(s.Ctx, enginetest.Noon, got, false)
		s.Must(err)
		s.Equal(n, 0)
	})
}
