package enrollment_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/handoff"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func TestReportClaimsAndDropsRepeats(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()})
		e := s.Enter("ana", nil)
		parked := contract.Report{
			Ref:    enginetest.Ref(e),
			Seq:    1,
			Parked: &contract.Position{Step: "response", Kind: "wait_for", Since: enginetest.Noon, Until: enginetest.Noon.Add(time.Hour)},
			Passed: []contract.StepVisit{{Step: "split", Kind: "split", Visit: 1, At: enginetest.Noon, Outcome: "a"}},
		}
		s.Must(s.Enrollments.Report(s.Ctx, enginetest.Noon, parked))
		s.Must(s.Enrollments.Report(s.Ctx, enginetest.Noon, parked)) // a repeat changes nothing
		early := parked
		early.Seq, early.Parked = 0, &contract.Position{Step: "elsewhere"}
		s.Must(s.Enrollments.Report(s.Ctx, enginetest.Noon, early)) // an overtaken report changes nothing either
		got := s.Enrollment(e.ID)
		s.Equal(
			[]any{got.Step, got.StepKind, got.Since, got.Until, got.Chain},
			[]any{"response", "wait_for", enginetest.Noon, enginetest.Noon.Add(time.Hour), "run-" + e.ID},
		)
		again := parked
		again.Parked = &contract.Position{Step: "elsewhere"}
		s.Must(
			s.Enrollments.Report(s.Ctx, enginetest.Noon, again),
		) // a workflow task that was lost and repeated, with events that had arrived meanwhile
		s.Equal(s.Enrollment(e.ID).Step, "elsewhere")
		stranger := again
		stranger.Chain, stranger.Seq = "another", 7
		s.WantError(s.Enrollments.Report(s.Ctx, enginetest.Noon, stranger), unit.ErrSuperseded)
		nobody := again
		nobody.Enrollment = "none"
		s.WantError(s.Enrollments.Report(s.Ctx, enginetest.Noon, nobody), unit.ErrSuperseded)
		s.Must(
			s.Enrollments.Report(
				s.Ctx,
				enginetest.Noon,
				contract.Report{
					Ref: enginetest.Ref(e),
					Seq: 2,
					Passed: []contract.StepVisit{
						{Step: "response", Kind: "wait_for", Visit: 1, At: enginetest.Noon},
						{Step: "nudge", Kind: "send", Visit: 1, At: enginetest.Noon, Outcome: "sent"},
					},
				},
			),
		)
		var n int
		s.Must(s.Database.Writer.QueryRowContext(s.Ctx, `select count(*) from step_visits where enrollment = $1`, e.ID).Scan(&n))
		s.Equal(n, 3)
	})
}

// A worker may die between a report and the end of its workflow task. The task is repeated, and with the events that have
// arrived meanwhile the run may end with a Seq that is already stored.
func TestEndIsRecordedThoughItsSeqWasSeen(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()})
		for seq := 1; seq <= 2; seq++ {
			e := s.Enter("ana", map[string]any{"cart_id": fmt.Sprint("k", seq)})
			for n := 1; n <= 2; n++ {
				s.Must(
					s.Enrollments.Report(
						s.Ctx,
						enginetest.Noon,
						contract.Report{
							Ref:    enginetest.Ref(e),
							Seq:    n,
							Parked: &contract.Position{Step: "response", Kind: "wait_for", Since: enginetest.Noon},
						},
					),
				)
			}
			s.Must(
				s.Enrollments.Report(
					s.Ctx,
					enginetest.Noon,
					contract.Report{Ref: enginetest.Ref(e), Seq: seq, Ended: &contract.Ended{Outcome: "goal", At: enginetest.Noon}},
				),
			)
			got := s.Enrollment(e.ID)
			s.Equal([]any{got.State, got.Outcome}, []any{unit.StateClosed, "goal"})
		}
	})
}

func TestEndReleasesHeldResources(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		e := s.Enter("ana", nil)
		for _, key := range []string{"retry", "sent", "sending"} {
			r, err := s.TryReserve(enginetest.Wall, s.NewSend(e, key), enginetest.ByEmail)
			s.Must(err)
			if key != "sending" {
				s.Must(s.Messages.Settle(s.Ctx, enginetest.Noon, r, message.Settlement{Status: key}))
			}
		}
		s.Must(
			s.Handoffs.Open(
				s.Ctx,
				enginetest.Noon,
				contract.OpenHandoff{Ref: enginetest.Ref(e), ID: "h", Spec: journey.Handoff{Queue: "support"}},
				"",
			),
		)
		s.Ingest(enginetest.Noon, s.Track("ana", "Order Completed", nil))
		s.End(e, "goal", enginetest.Noon.Add(time.Hour))
		s.Must(
			s.Enrollments.Report(
				s.Ctx,
				enginetest.Noon,
				contract.Report{Ref: enginetest.Ref(e), Seq: 99, Ended: &contract.Ended{Outcome: "goal"}},
			),
		) // a repeat changes nothing
		for _, lost := range []contract.Report{ // reports of a run whose last task was lost: the error has the outcome
			{Ref: enginetest.Ref(e), Seq: 99, Ended: &contract.Ended{Outcome: "other"}},
			{Ref: enginetest.Ref(e), Seq: 100, Ended: &contract.Ended{Outcome: "other"}},
			{Ref: enginetest.Ref(e), Seq: 99, Parked: &contract.Position{Step: "response", Kind: "wait_for"}},
		} {
			err := s.Enrollments.Report(s.Ctx, enginetest.Noon, lost)
			s.WantError(err, unit.ErrSuperseded)
			var ended *unit.EndedError
			if !errors.As(err, &ended) || ended.Ended.Outcome != "goal" || !ended.Ended.At.Equal(enginetest.Noon.Add(time.Hour)) {
				s.T.Errorf("%+v: got %v, want an EndedError with the outcome", lost, err)
			}
		}
		got := s.Enrollment(e.ID)
		s.Equal([]any{got.State, got.Outcome, got.ClosedAt}, []any{unit.StateClosed, "goal", enginetest.Noon.Add(time.Hour)})
		s.Equal(len(s.Lease()), 0) // undelivered entries are dropped
		h, err := s.Handoffs.Get(s.Ctx, "h")
		s.Must(err)
		s.Equal([]string{h.State, h.Reason}, []string{handoff.HandoffWithdrawn, "its journey ended: goal"})
		status := map[string]string{}
		rows, err := s.Messages.Sends(s.Ctx, message.SendFilter{})
		s.Must(err)
		for _, c := range rows {
			status[c.Key] = c.Status + c.Reason
			s.Equal(c.Unknown, c.Key == "sending")
		}
		s.Equal(status, map[string]string{"retry": "failedJOURNEY_ENDED", "sent": "sent", "sending": "failedJOURNEY_ENDED"})
		c, err := s.Analytics.Counts(s.Ctx)
		s.Must(err)
		s.Equal(c.Outcomes, map[string]map[string]int64{"cart": {"goal": 1}})
		s.Equal(c.Open, map[string]int64{})
	})
}

func TestCloseLost(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()})
		e := s.Enter("ana", nil)
		for n, reason := range []string{"terminated in Temporal", "again"} {
			closed, err := s.Enrollments.CloseLost(s.Ctx, enginetest.Noon.Add(time.Duration(n+1)*time.Hour), e.ID, "cancelled", reason)
			s.Must(err)
			s.Equal(closed, n == 0)
		}
		got := s.Enrollment(e.ID)
		s.Equal(
			[]any{got.State, got.Outcome, got.Reason, got.ClosedAt},
			[]any{unit.StateClosed, "cancelled", "terminated in Temporal", enginetest.Noon.Add(time.Hour)},
		)
		_, err := s.Enrollments.CloseLost(s.Ctx, enginetest.Noon, "none", "failed", "")
		s.WantError(err, sqldb.ErrNotFound)
		_, err = s.Variables.View(s.Ctx, enginetest.Noon, enginetest.Ref(e), contract.EvalContext{})
		s.WantError(err, unit.ErrSuperseded)
	})
}

// A run whose last task was lost after its last report repeats that task, and must end in the same way.
func TestLastTaskIsRepeatable(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		e := s.Enter("ana", nil)
		send := s.NewSend(e, "sent")
		first, err := s.TryReserve(enginetest.Wall, send, enginetest.ByEmail)
		s.Must(err)
		s.Must(s.Messages.Settle(s.Ctx, enginetest.Noon, first, message.Settlement{Status: contract.StatusSent}))
		s.Must(s.Intake.Assign(s.Ctx, enginetest.Noon, enginetest.Ref(e), "set", enginetest.Props{"stage": "won"}))
		handoffID := contract.OpenHandoff{Ref: enginetest.Ref(e), ID: "h", Spec: journey.Handoff{Queue: "support"}}
		s.Must(s.Handoffs.Open(s.Ctx, enginetest.Noon, handoffID, ""))
		end := contract.Report{Ref: enginetest.Ref(e), Seq: 1, Ended: &contract.Ended{Outcome: "goal", At: enginetest.Noon}}
		s.Must(s.Enrollments.Report(s.Ctx, enginetest.Noon, end))

		again, err := s.TryReserve(enginetest.Wall, send, enginetest.ByEmail)
		s.Must(err)
		s.Equal(again.Done.Status, contract.StatusSent)
		s.Must(s.Intake.Assign(s.Ctx, enginetest.Noon, enginetest.Ref(e), "set", enginetest.Props{"stage": "won"}))
		s.Must(s.Handoffs.Open(s.Ctx, enginetest.Noon, handoffID, ""))
		_, err = s.Outbox.Undelivered(s.Ctx, enginetest.Ref(e), enginetest.Noon)
		s.Must(err)
		_, err = s.Variables.View(s.Ctx, enginetest.Noon, enginetest.Ref(e), contract.EvalContext{})
		s.Must(err)
		s.Must(s.Enrollments.Report(s.Ctx, enginetest.Noon, end))
		s.Equal(s.Enrollment(e.ID).Outcome, "goal")

		// Anything that the run has not done before is refused now.
		_, err = s.TryReserve(enginetest.Wall, s.NewSend(e, "new"), enginetest.ByEmail)
		s.WantError(err, unit.ErrSuperseded)
		s.WantError(
			s.Intake.Assign(s.Ctx, enginetest.Noon, enginetest.Ref(e), "other", enginetest.Props{"stage": "lost"}),
			unit.ErrSuperseded,
		)
		handoffID.ID = "other"
		s.WantError(s.Handoffs.Open(s.Ctx, enginetest.Noon, handoffID, ""), unit.ErrSuperseded)
		end.Seq = 2
		s.WantError(s.Enrollments.Report(s.Ctx, enginetest.Noon, end), unit.ErrSuperseded)
	})
}

// What people did with a run by Temporal is in the audit log, once, with what came of it.
func TestActsByTemporalAreAudited(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()})
		e := s.Enter("ana", nil)
		parked := contract.Report{Ref: enginetest.Ref(e), Seq: 2, Acts: []contract.Act{
			{Kind: contract.PauseUpdate, By: "kim"}, {Kind: contract.SkipUpdate, Target: "response", Vain: true},
		}, Parked: &contract.Position{Step: "response", Kind: "wait_for", Since: enginetest.Noon, Until: enginetest.Noon.Add(time.Hour)}}
		s.Must(s.Enrollments.Report(s.Ctx, enginetest.Noon, parked))
		late := parked
		late.Seq = 1
		s.Must(s.Enrollments.Report(s.Ctx, enginetest.Noon, late))
		end := contract.Report{Ref: enginetest.Ref(e), Seq: 3, Acts: []contract.Act{{Kind: "cancel"}},
			Ended: &contract.Ended{Outcome: contract.Cancelled, At: enginetest.Noon}}
		s.Must(s.Enrollments.Report(s.Ctx, enginetest.Noon, end))
		list, err := s.Audit.List(s.Ctx, audit.Filter{OldestFirst: true})
		s.Must(err)
		var got []string
		for _, e := range list {
			got = append(got, fmt.Sprint(e.Who, " ", e.What, " ", e.Detail["command"], " ", e.Result, " ", e.Reason, " on ", e.Customer,
				" in ", e.Journey, " by ", e.Door))
		}
		s.Equal(got, []string{
			"kim enrollment.command pause ok  on ana in cart by temporal",
			"anyone enrollment.command skip refused pointless on ana in cart by temporal",
			"anyone enrollment.command cancel ok  on ana in cart by temporal",
		})
	})
}
