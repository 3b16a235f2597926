package engine

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/handoff"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func TestReportClaimsAndCountsASeqOnce(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()})
		e := s.enters("ana", nil)
		parked := contract.Report{
			Ref:    ref(e),
			Seq:    1,
			Parked: &contract.Position{Step: "response", Kind: "wait_for", Since: noon, Until: noon.Add(time.Hour)},
			Passed: []contract.StepVisit{{Step: "split", Kind: "split", Visit: 1, At: noon, Outcome: "a"}},
		}
		s.must(s.Enrollments.Report(s.ctx, noon, parked))
		s.must(s.Enrollments.Report(s.ctx, noon, parked)) // a repeat changes nothing
		early := parked
		early.Seq, early.Parked = 0, &contract.Position{Step: "elsewhere"}
		s.must(s.Enrollments.Report(s.ctx, noon, early)) // nor does one that was overtaken
		got := s.byID(e.ID)
		s.same(
			[]any{got.Step, got.StepKind, got.Since, got.Until, got.Chain},
			[]any{"response", "wait_for", noon, noon.Add(time.Hour), "run-" + e.ID},
		)
		again := parked
		again.Parked = &contract.Position{Step: "elsewhere"}
		s.must(s.Enrollments.Report(s.ctx, noon, again)) // a task that was lost and done again, with what had come meanwhile
		s.same(s.byID(e.ID).Step, "elsewhere")
		stranger := again
		stranger.Chain, stranger.Seq = "another", 7
		s.refused(s.Enrollments.Report(s.ctx, noon, stranger), unit.ErrSuperseded)
		nobody := again
		nobody.Enrollment = "none"
		s.refused(s.Enrollments.Report(s.ctx, noon, nobody), unit.ErrSuperseded)
		s.must(
			s.Enrollments.Report(
				s.ctx,
				noon,
				contract.Report{
					Ref: ref(e),
					Seq: 2,
					Passed: []contract.StepVisit{
						{Step: "response", Kind: "wait_for", Visit: 1, At: noon},
						{Step: "nudge", Kind: "send", Visit: 1, At: noon, Outcome: "sent"},
					},
				},
			),
		)
		var n int
		s.must(s.Database.Writer.QueryRowContext(s.ctx, `select count(*) from step_visits where enrollment = $1`, e.ID).Scan(&n))
		s.same(n, 3)
	})
}

// A worker may die between a report and the end of its workflow task. The task is done again, and with what has
// arrived meanwhile it may end under a number that the store has seen.
func TestTheEndCountsThoughItsNumberWasSeen(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()})
		for seq := 1; seq <= 2; seq++ {
			e := s.enters("ana", map[string]any{"cart_id": fmt.Sprint("k", seq)})
			for n := 1; n <= 2; n++ {
				s.must(
					s.Enrollments.Report(
						s.ctx,
						noon,
						contract.Report{Ref: ref(e), Seq: n, Parked: &contract.Position{Step: "response", Kind: "wait_for", Since: noon}},
					),
				)
			}
			s.must(
				s.Enrollments.Report(
					s.ctx,
					noon,
					contract.Report{Ref: ref(e), Seq: seq, Ended: &contract.Ended{Outcome: "goal", At: noon}},
				),
			)
			got := s.byID(e.ID)
			s.same([]any{got.State, got.Outcome}, []any{unit.StateClosed, "goal"})
		}
	})
}

func TestTheEndFreesWhatItHeld(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()}, reminder())
		e := s.enters("ana", nil)
		for _, key := range []string{"retry", "sent", "sending"} {
			r, err := s.asks(wall, s.send(e, key), yes)
			s.must(err)
			if key != "sending" {
				s.must(s.Messages.Settle(s.ctx, noon, r, message.Settlement{Status: key}))
			}
		}
		s.must(s.Handoffs.Open(s.ctx, noon, contract.OpenHandoff{Ref: ref(e), ID: "h", Spec: journey.Handoff{Queue: "support"}}, ""))
		s.ingest(noon, s.track("ana", "Order Completed", nil))
		s.ends(e, "goal", noon.Add(time.Hour))
		s.must(
			s.Enrollments.Report(s.ctx, noon, contract.Report{Ref: ref(e), Seq: 99, Ended: &contract.Ended{Outcome: "goal"}}),
		) // a repeat changes nothing
		for _, lost := range []contract.Report{ // what a run says whose last task was lost behind its end: it is told how it ended
			{Ref: ref(e), Seq: 99, Ended: &contract.Ended{Outcome: "other"}},
			{Ref: ref(e), Seq: 100, Ended: &contract.Ended{Outcome: "other"}},
			{Ref: ref(e), Seq: 99, Parked: &contract.Position{Step: "response", Kind: "wait_for"}},
		} {
			err := s.Enrollments.Report(s.ctx, noon, lost)
			s.refused(err, unit.ErrSuperseded)
			var ended *unit.EndedError
			if !errors.As(err, &ended) || ended.Ended.Outcome != "goal" || !ended.Ended.At.Equal(noon.Add(time.Hour)) {
				s.T.Errorf("%+v: %v does not tell how it ended", lost, err)
			}
		}
		got := s.byID(e.ID)
		s.same([]any{got.State, got.Outcome, got.ClosedAt}, []any{unit.StateClosed, "goal", noon.Add(time.Hour)})
		s.same(len(s.lease()), 0) // what it had not taken is dropped
		h, err := s.Handoffs.Get(s.ctx, "h")
		s.must(err)
		s.same([]string{h.State, h.Reason}, []string{handoff.HandoffWithdrawn, "its journey ended: goal"})
		status := map[string]string{}
		rows, err := s.Messages.Sends(s.ctx, message.SendFilter{})
		s.must(err)
		for _, c := range rows {
			status[c.Key] = c.Status + c.Reason
			s.same(c.Unknown, c.Key == "sending")
		}
		s.same(status, map[string]string{"retry": "failedJOURNEY_ENDED", "sent": "sent", "sending": "failedJOURNEY_ENDED"})
		c, err := s.Analytics.Counts(s.ctx)
		s.must(err)
		s.same(c.Outcomes, map[string]map[string]int64{"cart": {"goal": 1}})
		s.same(c.Open, map[string]int64{})
	})
}

func TestCloseLost(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()})
		e := s.enters("ana", nil)
		for n, reason := range []string{"terminated in Temporal", "again"} {
			closed, err := s.Enrollments.CloseLost(s.ctx, noon.Add(time.Duration(n+1)*time.Hour), e.ID, "cancelled", reason)
			s.must(err)
			s.same(closed, n == 0)
		}
		got := s.byID(e.ID)
		s.same(
			[]any{got.State, got.Outcome, got.Reason, got.ClosedAt},
			[]any{unit.StateClosed, "cancelled", "terminated in Temporal", noon.Add(time.Hour)},
		)
		_, err := s.Enrollments.CloseLost(s.ctx, noon, "none", "failed", "")
		s.refused(err, sqldb.ErrNotFound)
		_, err = s.Variables.View(s.ctx, noon, ref(e), contract.EvalContext{})
		s.refused(err, unit.ErrSuperseded)
	})
}

func TestView(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()})
		s.ingest(noon, s.identify("ana", props{"email": "a@example.com"}))
		e := s.enters("ana", props{"cart_id": "k1", "items": []any{"x"}})
		order := s.track("ana", "Order Completed", props{"cart_id": "k1", "total": 12})
		s.ingest(noon.Add(time.Minute), order)
		v, err := s.Variables.View(s.ctx, noon.Add(time.Hour), ref(e), contract.EvalContext{
			EntryEvent: e.EntryEvent, Event: order.MessageID, Vars: props{"tries": 2.0},
			Steps: map[string]map[string]any{
				"response": {"timed_out": false},
			}, StepEvents: map[string]string{"response": order.MessageID, "later": "gone"},
		})
		s.must(err)
		s.same(v.Customer, props{"id": "ana", "email": "a@example.com"})
		s.same(v.Entry, props{"cart_id": "k1", "items": []any{"x"}})
		s.same(v.Event, props{"cart_id": "k1", "total": 12.0})
		s.same(v.EventName, "Order Completed")
		s.same(v.Vars, props{"tries": 2.0})
		s.same(
			v.Steps,
			map[string]map[string]any{
				"response": {"timed_out": false, "properties": props{"cart_id": "k1", "total": 12.0}},
				"later":    {"properties": props{}},
			},
		)
		s.same(v.Now, noon.Add(time.Hour))
		s.same(v.Intent, map[string]float64{})
		n, err := v.History.Count("Order Completed", 2*time.Hour)
		s.must(err)
		recent, err := v.History.Count("Order Completed", time.Minute)
		s.must(err)
		s.same([]float64{n, recent}, []float64{1, 0})
		at, found, err := v.History.Last("Order Completed")
		s.must(err)
		s.same([]any{at, found}, []any{noon.Add(time.Minute), true})
		_, found, err = v.History.Last("Never")
		s.must(err)
		s.same(found, false)
		s.same(s.byID(e.ID).Chain, ref(e).Chain) // claimed
		other := ref(e)
		other.Chain = "another"
		_, err = s.Variables.View(s.ctx, noon, other, contract.EvalContext{})
		s.refused(err, unit.ErrSuperseded)
	})
}

func TestAssign(t *testing.T) {
	each(t, func(s *suite) {
		updated := cart(named("updated"), func(d *journey.Definition) {
			d.Entry.Events, d.Entry.When = []string{"Customer Updated"}, `customer.stage == "won"`
		})
		listens := cart(func(d *journey.Definition) {
			d.Exit = []journey.ExitRule{{Events: []string{"Customer Updated"}, Outcome: "x"}}
		})
		s.publishes([]*journey.Definition{updated, listens})
		e := s.enters("ana", nil)
		for range 2 {
			s.must(s.Intake.Assign(s.ctx, noon, ref(e), e.ID+"/set/1", props{"stage": "won", "deep": props{"a": 1}}))
		}
		s.same(s.drain(), []string{"event Customer Updated cart/ana", "start updated/ana"})
		s.same(s.customer("ana").Traits, props{"stage": "won", "deep": props{"a": 1.0}})
		other := ref(e)
		other.Chain = "another"
		s.refused(s.Intake.Assign(s.ctx, noon, other, "k", props{"x": 1}), unit.ErrSuperseded)
	})
}

func TestChainsOfEventsEnd(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart(func(d *journey.Definition) {
			d.Entry.Events, d.Entry.Reentry = []string{"Customer Updated"}, journey.ReentryAlways
		})})
		s.ingest(noon, s.identify("ana", props{"n": 0}))
		links := 0
		for links < 100 {
			l := s.lease()
			if len(l) == 0 {
				break
			}
			links++
			e := l[0].Enrollment
			s.must(s.Outbox.Delivered(s.ctx, l[0], l[0].Deliveries[0].Seq))
			s.must(s.Intake.Assign(s.ctx, noon, ref(e), e.ID+"/set/1", props{"n": links}))
			s.ends(e, "completed", noon)
		}
		s.same(links, customer.MaxDepth+1)
	})
}

// A run whose last task was lost after its last report repeats that task, and must end in the same way.
func TestTheLastTaskAgain(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()}, reminder())
		e := s.enters("ana", nil)
		send := s.send(e, "sent")
		first, err := s.asks(wall, send, yes)
		s.must(err)
		s.must(s.Messages.Settle(s.ctx, noon, first, message.Settlement{Status: contract.StatusSent}))
		s.must(s.Intake.Assign(s.ctx, noon, ref(e), "set", props{"stage": "won"}))
		handoffID := contract.OpenHandoff{Ref: ref(e), ID: "h", Spec: journey.Handoff{Queue: "support"}}
		s.must(s.Handoffs.Open(s.ctx, noon, handoffID, ""))
		end := contract.Report{Ref: ref(e), Seq: 1, Ended: &contract.Ended{Outcome: "goal", At: noon}}
		s.must(s.Enrollments.Report(s.ctx, noon, end))

		again, err := s.asks(wall, send, yes)
		s.must(err)
		s.same(again.Done.Status, contract.StatusSent)
		s.must(s.Intake.Assign(s.ctx, noon, ref(e), "set", props{"stage": "won"}))
		s.must(s.Handoffs.Open(s.ctx, noon, handoffID, ""))
		_, err = s.Outbox.Undelivered(s.ctx, ref(e), noon)
		s.must(err)
		_, err = s.Variables.View(s.ctx, noon, ref(e), contract.EvalContext{})
		s.must(err)
		s.must(s.Enrollments.Report(s.ctx, noon, end))
		s.same(s.byID(e.ID).Outcome, "goal")

		// What it has not done before, it may not do any more.
		_, err = s.asks(wall, s.send(e, "new"), yes)
		s.refused(err, unit.ErrSuperseded)
		s.refused(s.Intake.Assign(s.ctx, noon, ref(e), "other", props{"stage": "lost"}), unit.ErrSuperseded)
		handoffID.ID = "other"
		s.refused(s.Handoffs.Open(s.ctx, noon, handoffID, ""), unit.ErrSuperseded)
		end.Seq = 2
		s.refused(s.Enrollments.Report(s.ctx, noon, end), unit.ErrSuperseded)
	})
}
