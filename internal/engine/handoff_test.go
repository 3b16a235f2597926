package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/handoff"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func (s *suite) hands(e unit.Enrollment, id, priority string, at time.Time) {
	s.T.Helper()
	s.must(s.Handoffs.Open(s.ctx, at, contract.OpenHandoff{Ref: ref(e), ID: id, Step: "help", Until: at.Add(time.Hour),
		Spec: journey.Handoff{
			Queue:    "support",
			Priority: priority,
			Outcomes: map[string]*int{"resolved": new(1), "refunded": new(2)},
		}}, "call "+id))
}

func TestHandoffs(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()}, reminder())
		e := s.enters("ana", nil)
		s.hands(e, "normal", "", noon)
		s.hands(e, "normal", "", noon.Add(time.Hour)) // a repeat changes nothing
		s.hands(e, "later", "", noon.Add(time.Second))
		s.hands(e, "urgent", "urgent", noon.Add(time.Minute))
		list, err := s.Handoffs.List(s.ctx, handoff.Filter{Queue: "support"})
		s.must(err)
		var order []string
		for _, h := range list {
			order = append(order, h.ID)
		}
		s.same(order, []string{"urgent", "normal", "later"})
		s.same(
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
				OpenedAt:   noon,
				Until:      noon.Add(time.Hour),
			},
		)
		s.same(s.reserves(e, "k", wall, yes).Done, &contract.SendResult{Status: "suppressed", Reason: decisioning.AgentActive})

		s.must(s.Handoffs.Claim(s.ctx, noon, "urgent", "eve"))
		s.must(s.Handoffs.Claim(s.ctx, noon, "urgent", "eve"))
		s.refused(s.Handoffs.Claim(s.ctx, noon, "urgent", "bob"), handoff.ErrTaken)
		s.refused(s.Handoffs.Resolve(s.ctx, noon, "urgent", "bob", "resolved", ""), handoff.ErrTaken)
		s.refused(s.Handoffs.Claim(s.ctx, noon, "none", "eve"), sqldb.ErrNotFound)
		s.must(s.Handoffs.Resolve(s.ctx, noon.Add(time.Hour), "urgent", "eve", "refunded", "was angry"))
		d := s.lease()[0].Deliveries[0].Delivery
		s.same(
			*d,
			contract.Delivery{
				ID:            "handoff/urgent",
				Enrollment:    e.ID,
				Received:      noon.Add(time.Hour),
				HandoffResult: &contract.HandoffResult{Handoff: "urgent", Outcome: "refunded", Agent: "eve"},
			},
		)
		h, err := s.Handoffs.Get(s.ctx, "urgent")
		s.must(err)
		s.same(
			[]any{h.State, h.Agent, h.Outcome, h.AgentNote, h.ClosedAt},
			[]any{handoff.HandoffResolved, "eve", "refunded", "was angry", noon.Add(time.Hour)},
		)
		s.refused(s.Handoffs.Resolve(s.ctx, noon, "urgent", "eve", "refunded", ""), handoff.ErrTooLate)

		s.must(s.Handoffs.Withdraw(s.ctx, noon, contract.WithdrawHandoff{Ref: ref(e), ID: "later", Reason: "timed out"}))
		s.refused(s.Handoffs.Resolve(s.ctx, noon, "later", "eve", "refunded", ""), handoff.ErrTooLate)
		s.ends(e, "goal", noon)
		s.refused(s.Handoffs.Claim(s.ctx, noon, "normal", "eve"), handoff.ErrTooLate)
		s.must(s.Handoffs.Withdraw(s.ctx, noon, contract.WithdrawHandoff{Ref: ref(e), ID: "normal", Reason: "ended"}))
		_, err = s.Handoffs.Get(s.ctx, "none")
		s.refused(err, sqldb.ErrNotFound)
		c, err := s.Analytics.Counts(s.ctx)
		s.must(err)
		s.same(c.Handoffs, int64(0))
	})
}

func TestOneAgentResolves(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()})
		e := s.enters("ana", nil)
		s.hands(e, "h", "", noon)
		answers := make(chan error, 16)
		for range 16 {
			go func() { answers <- s.Handoffs.Resolve(s.ctx, noon, "h", "eve", "resolved", "") }()
		}
		won := 0
		for range 16 {
			if err := <-answers; err == nil {
				won++
			} else {
				s.refused(err, handoff.ErrTooLate)
			}
		}
		s.same(won, 1)
		s.same(len(s.drain()), 1)
	})
}

func TestTimeline(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()}, reminder())
		e := s.enters("ana", props{"cart_id": "k1"})
		r := s.reserves(e, "k", wall, yes)
		s.must(s.Messages.Settle(s.ctx, noon.Add(time.Minute), r, message.Settlement{Status: contract.StatusSent}))
		s.hands(e, "h", "", noon.Add(2*time.Minute))
		s.ends(e, "goal", noon.Add(3*time.Minute))
		story, err := s.Analytics.Timeline(s.ctx, "ana", 0)
		s.must(err)
		var lines []string
		for _, l := range story {
			lines = append(lines, l.Kind+": "+l.Title)
		}
		s.same(
			lines,
			[]string{"ended: cart: goal", "handoff: support withdrawn", "contact: reminder sent", "entered: cart", "event: Cart Updated"},
		)
		s.same(story[4].Detail, props{"cart_id": "k1"})
		story, err = s.Analytics.Timeline(s.ctx, "ana", 2)
		s.must(err)
		s.same(len(story), 2)
		story, err = s.Analytics.Timeline(s.ctx, strings.Repeat("x", 10), 2)
		s.must(err)
		s.same(len(story), 0)
	})
}
