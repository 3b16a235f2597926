package handoff_test

import (
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/handoff"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func TestHandoffs(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		e := s.Enter("ana", nil)
		s.OpenHandoff(e, "normal", "", enginetest.Noon)
		s.OpenHandoff(e, "normal", "", enginetest.Noon.Add(time.Hour)) // a repeat changes nothing
		s.OpenHandoff(e, "later", "", enginetest.Noon.Add(time.Second))
		s.OpenHandoff(e, "urgent", "urgent", enginetest.Noon.Add(time.Minute))
		list, err := s.Handoffs.List(s.Ctx, handoff.Filter{Queue: "support"})
		s.Must(err)
		var order []string
		for _, h := range list {
			order = append(order, h.ID)
		}
		s.Equal(order, []string{"urgent", "normal", "later"})
		s.Equal(
			list[1],
			handoff.Handoff{
				ID:         "normal",
				Enrollment: e.ID,
				WorkflowID: "cart/ana",
				Journey:    "cart",
				Step:       "help",
				Customer:   "ana",
				Queue:      "support",
				Priority:   "normal",
				Note:       "call normal",
				Outcomes:   []string{"refunded", "resolved"},
				State:      handoff.HandoffOpen,
				OpenedAt:   enginetest.Noon,
				Until:      enginetest.Noon.Add(time.Hour),
			},
		)
		s.Equal(
			s.Reserve(e, "k", enginetest.Wall, enginetest.ByEmail).Done,
			&contract.SendResult{Status: "suppressed", Reason: decisioning.AgentActive},
		)

		s.Must(s.Handoffs.Claim(s.Ctx, enginetest.Noon, "urgent", "eve"))
		s.Must(s.Handoffs.Claim(s.Ctx, enginetest.Noon, "urgent", "eve"))
		s.WantError(s.Handoffs.Claim(s.Ctx, enginetest.Noon, "urgent", "bob"), handoff.ErrTaken)
		s.WantError(s.Handoffs.Resolve(s.Ctx, enginetest.Noon, "urgent", "bob", "resolved", ""), handoff.ErrTaken)
		s.WantError(s.Handoffs.Claim(s.Ctx, enginetest.Noon, "none", "eve"), sqldb.ErrNotFound)
		s.Must(s.Handoffs.Resolve(s.Ctx, enginetest.Noon.Add(time.Hour), "urgent", "eve", "refunded", "was angry"))
		d := s.Lease()[0].Deliveries[0].Delivery
		s.Equal(
			*d,
			contract.Delivery{
				ID:            "handoff/urgent",
				Enrollment:    e.ID,
				Received:      enginetest.Noon.Add(time.Hour),
				HandoffResult: &contract.HandoffResult{Handoff: "urgent", Outcome: "refunded", Agent: "eve"},
			},
		)
		h, err := s.Handoffs.Get(s.Ctx, "urgent")
		s.Must(err)
		s.Equal(
			[]any{h.State, h.Agent, h.Outcome, h.AgentNote, h.ClosedAt},
			[]any{handoff.HandoffResolved, "eve", "refunded", "was angry", enginetest.Noon.Add(time.Hour)},
		)
		s.WantError(s.Handoffs.Resolve(s.Ctx, enginetest.Noon, "urgent", "eve", "refunded", ""), handoff.ErrTooLate)

		s.Must(
			s.Handoffs.Withdraw(s.Ctx, enginetest.Noon, contract.WithdrawHandoff{Ref: enginetest.Ref(e), ID: "later", Reason: "timed out"}),
		)
		s.WantError(s.Handoffs.Resolve(s.Ctx, enginetest.Noon, "later", "eve", "refunded", ""), handoff.ErrTooLate)
		s.End(e, "goal", enginetest.Noon)
		s.WantError(s.Handoffs.Claim(s.Ctx, enginetest.Noon, "normal", "eve"), handoff.ErrTooLate)
		s.Must(s.Handoffs.Withdraw(s.Ctx, enginetest.Noon, contract.WithdrawHandoff{Ref: enginetest.Ref(e), ID: "normal", Reason: "ended"}))
		_, err = s.Handoffs.Get(s.Ctx, "none")
		s.WantError(err, sqldb.ErrNotFound)
		c, err := s.Analytics.Counts(s.Ctx)
		s.Must(err)
		s.Equal(c.Handoffs, int64(0))
	})
}

func TestOnlyOneAgentResolves(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()})
		e := s.Enter("ana", nil)
		s.OpenHandoff(e, "h", "", enginetest.Noon)
		answers := make(chan error, 16)
		for range 16 {
			go func() { answers <- s.Handoffs.Resolve(s.Ctx, enginetest.Noon, "h", "eve", "resolved", "") }()
		}
		won := 0
		for range 16 {
			if err := <-answers; err == nil {
				won++
			} else {
				s.WantError(err, handoff.ErrTooLate)
			}
		}
		s.Equal(won, 1)
		s.Equal(len(s.Drain()), 1)
	})
}
