package offer_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// outcomes describes all offers, the oldest first: "k discount by email: accepted, learned".
func (s *suite) outcomes() []string {
	s.T.Helper()
	var out []string
	s.Must(s.Database.Read(s.Ctx, func(tx sqldb.Conn) error {
		r, err := tx.QueryContext(s.Ctx, `select key, action, channel, offered_at, outcome, learned from offers order by decided_at, key`)
		if err != nil {
			return err
		}
		defer r.Close()
		for r.Next() {
			var key, action, channel, outcome string
			var offered int64
			var learned int
			if err := r.Scan(&key, &action, &channel, &offered, &outcome, &learned); err != nil {
				return err
			}
			line := fmt.Sprintf("%s %s by %s: %s", key, action, channel, outcome)
			if offered == 0 {
				line += "unsaid"
			}
			if learned != 0 {
				line += ", learned"
			}
			out = append(out, line)
		}
		return r.Err()
	}))
	return out
}

func TestDecide(t *testing.T) {
	each(t, func(s *suite) {
		s.PublishOffers()
		e := s.Enter("ana", nil)
		d := s.Decide(s.NewDecide(e, "k"), enginetest.Noon)
		s.Equal(
			[]any{d.Decision.Slots, d.Decision.Asked, d.Decision.Release, d.Send.Action, d.Send.Spec.Via, d.Reservation.Verdict.Addresses},
			[]any{
				[]offer.Slot{{Key: "k", Action: "discount", Message: "offer", Channel: "email", Propensity: 0.5, Priority: 4.5}},
				"offers",
				1,
				"discount",
				[]string{"email"},
				[]string{"ana@example.com"},
			},
		)
		s.Equal(s.outcomes(), []string{"k discount by email: unsaid"})
		c := s.SendOf("k")
		s.Equal([]any{c.Status, c.Action, c.Channel, c.Message}, []any{"sending", "discount", "email", "offer"})

		again := s.Decide(
			s.NewDecide(e, "k"),
			enginetest.Noon.Add(time.Minute),
		) // a repeat returns the same decision, whose send continues like any other
		s.Equal(
			[]any{again.Decision.Slots, again.Decision.At, again.Reservation == nil, again.Send.Action},
			[]any{d.Decision.Slots, enginetest.Noon, true, "discount"},
		)
		_, err := s.Messages.Reserve(s.Ctx, enginetest.Noon, enginetest.Wall, *again.Send, time.Minute)
		s.WantError(err, message.ErrBusy)

		s.Must(s.Messages.Settle(s.Ctx, enginetest.Noon.Add(time.Second), *d.Reservation, message.Settlement{Status: contract.StatusSent}))
		s.Equal(s.outcomes(), []string{"k discount by email: "})
		all, err := s.Offers.Decisions(s.Ctx, offer.DecisionFilter{Customer: "ana", Action: "discount"})
		s.Must(err)
		if len(all) != 1 || len(all[0].Candidates) != 4 || all[0].Candidates[1].Reason != decisioning.LowerPriority {
			s.T.Fatalf("got %+v", all)
		}
	})
}

func TestDecideNothing(t *testing.T) {
	each(t, func(s *suite) {
		s.PublishOffers(func(c *journey.Content) {
			c.Actions["discount"].Eligible, c.Actions["points"].Suitable = "false", "false"
		})
		e := s.Enter("ana", nil)
		d := s.Decide(s.NewDecide(e, "k"), enginetest.Noon)
		s.Equal([]any{d.Send == nil, d.Decision.Reason, len(d.Decision.Slots)}, []any{true, decisioning.NotSuitable, 0})
		s.Equal(s.Decide(s.NewDecide(e, "k"), enginetest.Noon).Decision.Reason, decisioning.NotSuitable)
		all, err := s.Messages.Sends(s.Ctx, message.SendFilter{Customer: "ana"})
		s.Must(err)
		s.Equal(len(all), 0)
	})
}

func TestDecideOnlyChooses(t *testing.T) {
	each(t, func(s *suite) {
		s.PublishOffers()
		e := s.Enter("ana", nil)
		in := s.NewDecide(e, "k")
		in.Spec.Choose = true
		d := s.Decide(in, enginetest.Noon)
		s.Equal([]any{d.Send == nil, d.Decision.Slots[0].Action, d.Decision.Slots[0].Key}, []any{true, "discount", ""})
		s.Equal(len(s.outcomes()), 0)
	})
}

func TestDecideReserves(t *testing.T) {
	each(t, func(s *suite) {
		s.PublishOffers(func(c *journey.Content) {
			c.Policy = &journey.Policy{
				Limits: []journey.Limit{{Channel: "email", Max: 1, Per: 24 * time.Hour}, {Max: 2, Per: 24 * time.Hour}},
			}
		})
		e := s.Enter("ana", nil)
		first := s.Decide(s.NewDecide(e, "k1"), enginetest.Noon) // not sent yet: the reservation counts
		s.Equal(s.Decide(s.NewDecide(e, "k2"), enginetest.Noon).Decision.Slots[0].Channel, "app")
		s.Equal(s.Decide(s.NewDecide(e, "k3"), enginetest.Noon).Decision.Reason, decisioning.CapReached)
		s.Must(
			s.Messages.Settle(s.Ctx, enginetest.Noon, *first.Reservation, message.Settlement{Status: contract.StatusFailed}),
		) // the failed send no longer counts
		s.Equal(s.Decide(s.NewDecide(e, "k4"), enginetest.Noon).Decision.Slots[0].Channel, "email")
		s.Equal(s.outcomes(), []string{"k2 discount by app: unsaid", "k4 discount by email: unsaid"})
	})
}

// Concurrent decisions never exceed a cap.
func TestDecideAtOnce(t *testing.T) {
	each(t, func(s *suite) {
		s.PublishOffers(func(c *journey.Content) {
			c.Policy = &journey.Policy{Limits: []journey.Limit{{Max: 3, Per: time.Hour}}}
		})
		e := s.Enter("ana", nil)
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				if _, err := s.Engine.Offers.Decide(s.Ctx, enginetest.Noon, enginetest.Wall, s.NewDecide(e, fmt.Sprint("k", i)),
					time.Minute); err != nil {
					s.T.Error(err)
				}
			})
		}
		wg.Wait()
		sending, err := s.Messages.Sends(s.Ctx, message.SendFilter{Customer: "ana", Status: "sending"})
		s.Must(err)
		s.Equal(len(sending), 3)
	})
}

func TestDecidePaused(t *testing.T) {
	each(t, func(s *suite) {
		s.PublishOffers()
		e := s.Enter("ana", nil)
		_, err := s.Enrollments.PauseJourney(s.Ctx, enginetest.Noon, "cart", "me", true)
		s.Must(err)
		s.Equal(s.Decide(s.NewDecide(e, "k"), enginetest.Noon).Paused, true)
		all, err := s.Offers.Decisions(s.Ctx, offer.DecisionFilter{})
		s.Must(err)
		s.Equal(len(all), 0)
	})
}

func TestDecideRetry(t *testing.T) {
	each(t, func(s *suite) {
		s.PublishOffers(func(c *journey.Content) {
			c.Policy = &journey.Policy{QuietHours: &journey.QuietHours{From: "21:00", To: "08:00", OnBlocked: journey.Queue}}
		})
		e := s.Enter("ana", nil)
		d := s.Decide(s.NewDecide(e, "k"), enginetest.Noon)
		s.Must(s.Messages.Settle(s.Ctx, enginetest.Noon, *d.Reservation, message.Settlement{Status: contract.StatusRetry, Reason: "421"}))
		s.Equal(s.outcomes(), []string{"k discount by email: unsaid"})
		r, err := s.Messages.Reserve(s.Ctx, enginetest.Noon.Add(time.Minute), enginetest.Wall, *d.Send, time.Minute)
		s.Must(err)
		s.Equal([]any{r.Done == nil, r.Verdict.Channel}, []any{true, "email"})
		s.Must(
			s.Messages.Settle(s.Ctx, enginetest.Noon.Add(time.Minute), r, message.Settlement{Status: contract.StatusRetry, Reason: "421"}),
		)
		r, err = s.Messages.Reserve(
			s.Ctx,
			enginetest.Noon.Add(10*time.Hour),
			enginetest.Wall,
			*d.Send,
			time.Minute,
		) // a decision is dropped in quiet hours, not held
		s.Must(err)
		s.Equal([]any{r.Done.Status, r.Done.Reason}, []any{"suppressed", decisioning.QuietHours})
		s.Equal(len(s.outcomes()), 0)
	})
}
