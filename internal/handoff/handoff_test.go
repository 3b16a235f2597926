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

		s.Must(s.Handoffs.Claim(s.Ctx, enginetest.Noon, enginetest.Wall, "urgent", "eve"))
		s.Must(s.Handoffs.Claim(s.Ctx, enginetest.Noon, enginetest.Wall, "urgent", "eve"))
		s.WantError(s.Handoffs.Claim(s.Ctx, enginetest.Noon, enginetest.Wall, "urgent", "bob"), handoff.ErrTaken)
		s.WantError(s.Handoffs.Resolve(s.Ctx, enginetest.Noon, "urgent", "bob", "resolved", "", handoff.AsAgent), handoff.ErrTaken)
		s.WantError(s.Handoffs.Claim(s.Ctx, enginetest.Noon, enginetest.Wall, "none", "eve"), sqldb.ErrNotFound)
		s.Must(s.Handoffs.Resolve(s.Ctx, enginetest.Noon.Add(time.Hour), "urgent", "eve", "refunded", "was angry", handoff.AsAgent))
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
		s.WantError(s.Handoffs.Resolve(s.Ctx, enginetest.Noon, "urgent", "eve", "refunded", "", handoff.AsAgent), handoff.ErrTooLate)

		s.Must(
			s.Handoffs.Withdraw(s.Ctx, enginetest.Noon, contract.WithdrawHandoff{Ref: enginetest.Ref(e), ID: "later", Reason: "timed out"}),
		)
		s.WantError(s.Handoffs.Resolve(s.Ctx, enginetest.Noon, "later", "eve", "refunded", "", handoff.AsAgent), handoff.ErrTooLate)
		s.End(e, "goal", enginetest.Noon)
		s.WantError(s.Handoffs.Claim(s.Ctx, enginetest.Noon, enginetest.Wall, "normal", "eve"), handoff.ErrTooLate)
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
			go func() {
				answers <- s.Handoffs.Resolve(s.Ctx, enginetest.Noon, "h", "eve", "resolved", "", handoff.AsAgent)
			}()
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

func TestAClaimedHandoffHasWaysBack(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		e := s.Enter("ana", nil)
		s.OpenHandoff(e, "h", "", enginetest.Noon)
		minute := func(n int) time.Time { return enginetest.Wall.Add(time.Duration(n) * time.Minute) }
		type row struct{ State, Agent, Had string }
		want := func(r row, acts ...handoff.Act) {
			t.Helper()
			h, err := s.Handoffs.Get(s.Ctx, "h")
			s.Must(err)
			s.Equal(row{h.State, h.Agent, h.Had()}, r)
			s.Equal(h.ClaimedAt.IsZero(), r.Agent == "")
			s.Equal(h.Acts, acts)
		}
		suppressed := func(key string) {
			t.Helper()
			done := s.Reserve(e, key, enginetest.Wall, enginetest.ByEmail).Done
			s.Equal(done, &contract.SendResult{Status: "suppressed", Reason: decisioning.AgentActive})
		}
		at := enginetest.Noon
		claimed := handoff.Act{Kind: handoff.ActClaimed, Agent: "mia", At: at}
		s.Must(s.Handoffs.Claim(s.Ctx, at, minute(0), "h", "mia"))
		want(row{handoff.HandoffClaimed, "mia", ""}, claimed)
		s.WantError(s.Handoffs.Release(s.Ctx, at, minute(0), "h", "tom", handoff.AsAgent), handoff.ErrTaken)

		taken := handoff.Act{Kind: handoff.ActTakenOver, Agent: "tom", At: at}
		s.Must(s.Handoffs.TakeOver(s.Ctx, at, minute(1), "h", "tom", "tom"))
		s.Must(s.Handoffs.TakeOver(s.Ctx, at, minute(1), "h", "tom", "tom")) // a repeat changes nothing
		want(row{handoff.HandoffClaimed, "tom", ""}, claimed, taken)
		s.WantError(s.Handoffs.Resolve(s.Ctx, at, "h", "mia", "resolved", "", handoff.AsAgent), handoff.ErrTaken)
		suppressed("k1")

		released := handoff.Act{Kind: handoff.ActReleased, Agent: "tom", At: at}
		s.Must(s.Handoffs.Release(s.Ctx, at, minute(2), "h", "tom", handoff.AsAgent))
		s.Must(s.Handoffs.Release(s.Ctx, at, minute(2), "h", "tom", handoff.AsAgent))
		want(row{handoff.HandoffOpen, "", "tom"}, claimed, taken, released)
		suppressed("k2") // the customer waits for an agent as before

		assigned := handoff.Act{Kind: handoff.ActClaimed, Agent: "mia", By: "root", At: at}
		s.Must(s.Handoffs.TakeOver(s.Ctx, at, minute(3), "h", "mia", "root"))
		back := handoff.Act{Kind: handoff.ActReleased, Agent: "mia", By: "root", At: at}
		s.Must(s.Handoffs.Release(s.Ctx, at, minute(4), "h", "root", handoff.AsAdmin))
		want(row{handoff.HandoffOpen, "", "mia"}, claimed, taken, released, assigned, back)

		s.Must(s.Handoffs.Claim(s.Ctx, at, minute(10), "h", "mia"))
		idle := func(n int) int {
			t.Helper()
			got, err := s.Handoffs.ReturnIdle(s.Ctx, at, minute(n), 30*time.Minute, 10)
			s.Must(err)
			return got
		}
		s.Equal(idle(39), 0)
		s.Must(s.Handoffs.Seen(s.Ctx, minute(39), "h", "mia"))
		s.Must(s.Handoffs.Seen(s.Ctx, minute(50), "h", "tom")) // not his
		s.Equal(idle(68), 0)
		s.Equal(idle(69), 1)
		s.Equal(idle(70), 0)
		returned := handoff.Act{Kind: handoff.ActReturned, Agent: "mia", By: "tabi", At: at}
		want(row{handoff.HandoffOpen, "", "mia"}, claimed, taken, released, assigned, back, claimed, returned)

		s.Must(s.Handoffs.Claim(s.Ctx, at, minute(71), "h", "tom"))
		s.Must(s.Handoffs.Resolve(s.Ctx, at, "h", "root", "refunded", "", handoff.AsAdmin)) // an admin need not take it over
		h, err := s.Handoffs.Get(s.Ctx, "h")
		s.Must(err)
		s.Equal([]string{h.State, h.Agent, h.Outcome}, []string{handoff.HandoffResolved, "root", "refunded"})
		s.Equal(h.Acts[len(h.Acts)-2:], []handoff.Act{
			{Kind: handoff.ActTakenOver, Agent: "root", At: at}, {Kind: handoff.ActResolved, Agent: "root", At: at},
		})
		s.Equal(s.Reserve(e, "k3", enginetest.Wall, enginetest.ByEmail).Done == nil, true) // marketing is allowed again
		for _, late := range []error{
			s.Handoffs.TakeOver(s.Ctx, at, minute(72), "h", "tom", "tom"),
			s.Handoffs.Release(s.Ctx, at, minute(72), "h", "tom", handoff.AsAdmin),
		} {
			s.WantError(late, handoff.ErrTooLate)
		}
	})
}

// A state is told once, by one process; of what is over nothing is said unless something was said before.
func TestNotices(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		e := s.Enter("ana", nil)
		s.OpenHandoff(e, "first", "", enginetest.Noon)
		s.OpenHandoff(e, "second", "", enginetest.Noon.Add(time.Minute))
		unnoticed := func(since time.Time) (out []string) {
			list, err := s.Handoffs.Unnoticed(s.Ctx, since, 10)
			s.Must(err)
			for _, n := range list {
				out = append(out, n.ID+" "+n.Told+">"+n.State+" "+n.Ref+" "+n.Queue)
			}
			return out
		}
		noticed := func(id, before, state, ref string, want bool) {
			done, err := s.Handoffs.Noticed(s.Ctx, id, before, state, ref)
			s.Must(err)
			s.Equal(done, want)
		}
		s.Equal(unnoticed(enginetest.Noon), []string{"first >open  support", "second >open  support"})
		s.Equal(unnoticed(enginetest.Noon.Add(time.Second)), []string{"second >open  support"})
		noticed("first", "", "open", "C1:1", true)
		noticed("first", "", "open", "C1:2", false)
		s.Equal(unnoticed(enginetest.Noon), []string{"second >open  support"})
		s.Must(s.Handoffs.Claim(s.Ctx, enginetest.Noon, enginetest.Wall, "first", "eve"))
		s.Must(s.Handoffs.Claim(s.Ctx, enginetest.Noon, enginetest.Wall, "second", "eve"))
		s.Equal(unnoticed(enginetest.Noon.Add(time.Hour)), []string{"first open>claimed C1:1 support"})
		noticed("first", "open", "claimed", "C1:1", true)
		s.Must(s.Handoffs.Resolve(s.Ctx, enginetest.Noon, "first", "eve", "refunded", "", handoff.AsAgent))
		s.Equal(unnoticed(enginetest.Noon), []string{"first claimed>resolved C1:1 support"})
		noticed("first", "claimed", "resolved", "C1:1", true)
		s.Equal(len(unnoticed(enginetest.Noon)), 0)
	})
}
