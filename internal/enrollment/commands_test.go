package enrollment_test

import (
	"testing"

	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func TestCommands(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()})
		s.WantError(s.Enrollments.Command(s.Ctx, enginetest.Noon, "cart/ana", contract.Command{Kind: "exit"}), sqldb.ErrNotFound)
		e := s.Enter("ana", nil)
		s.Must(s.Enrollments.Command(s.Ctx, enginetest.Noon, "cart/ana", contract.Command{Kind: "pause", By: "eve", Reason: "holiday"}))
		s.Equal(s.Enrollment(e.ID).Paused, true)
		l := s.Lease()[0]
		s.Equal(l.Deliveries[0].Delivery.Command, &contract.Command{Kind: "pause", By: "eve", Reason: "holiday"})
		s.Equal(l.Deliveries[0].Delivery.Enrollment, e.ID)
		s.End(e, "cancelled", enginetest.Noon)
		s.WantError(s.Enrollments.Command(s.Ctx, enginetest.Noon, "cart/ana", contract.Command{Kind: "exit"}), sqldb.ErrNotFound)
	})
}

func TestPauseJourney(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart(), enginetest.Cart(enginetest.Named("other"))}, enginetest.Reminder())
		e := s.EnterCart("ana")
		s.EnterCart("ben")
		n, err := s.Enrollments.PauseJourney(s.Ctx, enginetest.Noon, "cart", "eve", true)
		s.Must(err)
		s.Equal(n, 2)
		s.Equal(s.Drain(), []string{"pause cart/ana", "pause cart/ben"})
		res, err := s.TryReserve(enginetest.Wall, s.NewSend(e, "k"), enginetest.ByEmail)
		s.Must(err)
		s.Equal(res.Done, &contract.SendResult{Status: contract.StatusPaused})
		rows, err := s.Messages.Sends(s.Ctx, message.SendFilter{})
		s.Must(err)
		s.Equal(len(rows), 0)
		s.Equal(s.Ingest(enginetest.Noon, s.Track("eve", "Cart Updated", nil))[0].Entered, []string{"other/eve"})
		s.Drain()
		c, err := s.Analytics.Counts(s.Ctx)
		s.Must(err)
		s.Equal(c.PausedJourneys, []string{"cart"})
		n, err = s.Enrollments.PauseJourney(s.Ctx, enginetest.Noon, "cart", "eve", false)
		s.Must(err)
		s.Equal(n, 2)
		s.Equal(s.Drain(), []string{"resume cart/ana", "resume cart/ben"})
		res, err = s.TryReserve(enginetest.Wall, s.NewSend(e, "k"), enginetest.ByEmail)
		s.Must(err)
		s.Equal(res.Verdict.Channel, "email")
		_, err = s.Enrollments.PauseJourney(s.Ctx, enginetest.Noon, "nowhere", "eve", true)
		s.WantError(err, sqldb.ErrNotFound)
	})
}
