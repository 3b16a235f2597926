package engine

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/handoff"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func TestReportClaimsAndDropsRepeats(t *testing.T) {
	Each(t, func(s *Suite) {
		s.Publish([]*journey.Definition{Cart()})
		e := s.Enter("ana", nil)
		parked := contract.Report{
			Ref:    Ref(e),
			Seq:    1,
			Parked: &contract.Position{Step: "response", Kind: "wait_for", Since: Noon, Until: Noon.Add(time.Hour)},
			Passed: []contract.StepVisit{{Step: "split", Kind: "split", Visit: 1, At: Noon, Outcome: "a"}},
		}
		s.Must(s.Enrollments.Report(s.Ctx, Noon, parked))
		s.Must(s.Enrollments.Report(s.Ctx, Noon, parked)) // a repeat changes nothing
		early := parked
		early.Seq, early.Parked = 0, &contract.Position{Step: "elsewhere"}
		s.Must(s.Enrollments.Report(s.Ctx, Noon, early)) // nor does one that was overtaken
		got := s.Enrollment(e.ID)
		s.Equal(
			[]any{got.Step, got.StepKind, got.Since, got.Until, got.Chain},
			[]any{"response", "wait_for", Noon, Noon.Add(time.Hour), "run-" + e.ID},
		)
		again := parked
		again.Parked = &contract.Position{Step: "elsewhere"}
		s.Must(s.Enrollments.Report(s.Ctx, Noon, again)) // a task that was lost and done again, with what had come meanwhile
		s.Equal(s.Enrollment(e.ID).Step, "elsewhere")
		stranger := again
		stranger.Chain, stranger.Seq = "another", 7
		s.WantError(s.Enrollments.Report(s.Ctx, Noon, stranger), unit.ErrSuperseded)
		nobody := again
		nobody.Enrollment = "none"
		s.WantError(s.Enrollments.Report(s.Ctx, Noon, nobody), unit.ErrSuperseded)
		s.Must(
			s.Enrollments.Report(
				s.Ctx,
				Noon,
				contract.Report{
					Ref: Ref(e),
					Seq: 2,
					Passed: []contract.StepVisit{
						{Step: "response", Kind: "wait_for", Visit: 1, At: Noon},
						{Step: "nudge", Kind: "send", Visit: 1, At: Noon, Outcome: "sent"},
					},
				},
			),
		)
		var n int
		s.Must(s.Database.Writer.QueryRowContext(s.Ctx, `select count(*) from step_visits where enrollment = $1`, e.ID).Scan(&n))
		s.Equal(n, 3)
	})
}

// A worker may die between a report and the end of its workflow task. The task is done again, and with what has
// arrived meanwhile it may end under a number that the store has seen.
func TestEndIsRecordedThoughItsSeqWasSeen(t *testing.T) {
	Each(t, func(s *Suite) {
		s.Publish([]*journey.Definition{Cart()})
		for seq := 1; seq <= 2; seq++ {
			e := s.Enter("ana", map[string]any{"cart_id": fmt.Sprint("k", seq)})
			for n := 1; n <= 2; n++ {
				s.Must(
					s.Enrollments.Report(
						s.Ctx,
						Noon,
						contract.Report{Ref: Ref(e), Seq: n, Parked: &contract.Position{Step: "response", Kind: "wait_for", Since: Noon}},
					),
				)
			}
			s.Must(
				s.Enrollments.Report(
					s.Ctx,
					Noon,
					contract.Report{Ref: Ref(e), Seq: seq, Ended: &contract.Ended{Outcome: "goal", At: Noon}},
				),
			)
			got := s.Enrollment(e.ID)
			s.Equal([]any{got.State, got.Outcome}, []any{unit.StateClosed, "goal"})
		}
	})
}

func TestEndReleasesHeldResources(t *testing.T) {
	Each(t, func(s *Suite) {
		s.Publish([]*journey.Definition{Cart()}, Reminder())
		e := s.Enter("ana", nil)
		for _, key := range []string{"retry", "sent", "sending"} {
			r, err := s.TryReserve(Wall, s.NewSend(e, key), ByEmail)
			s.Must(err)
			if key != "sending" {
				s.Must(s.Messages.Settle(s.Ctx, Noon, r, message.Settlement{Status: key}))
			}
		}
		s.Must(s.Handoffs.Open(s.Ctx, Noon, contract.OpenHandoff{Ref: Ref(e), ID: "h", Spec: journey.Handoff{Queue: "support"}}, ""))
		s.Ingest(Noon, s.Track("ana", "Order Completed", nil))
		s.End(e, "goal", Noon.Add(time.Hour))
		s.Must(
			s.Enrollments.Report(s.Ctx, Noon, contract.Report{Ref: Ref(e), Seq: 99, Ended: &contract.Ended{Outcome: "goal"}}),
		) // a repeat changes nothing
		for _, lost := range []contract.Report{ // what a run says whose last task was lost behind its end: it is told how it ended
			{Ref: Ref(e), Seq: 99, Ended: &contract.Ended{Outcome: "other"}},
			{Ref: Ref(e), Seq: 100, Ended: &contract.Ended{Outcome: "other"}},
			{Ref: Ref(e), Seq: 99, Parked: &contract.Position{Step: "response", Kind: "wait_for"}},
		} {
			err := s.Enrollments.Report(s.Ctx, Noon, lost)
			s.WantError(err, unit.ErrSuperseded)
			var ended *unit.EndedError
			if !errors.As(err, &ended) || ended.Ended.Outcome != "goal" || !ended.Ended.At.Equal(Noon.Add(time.Hour)) {
				s.T.Errorf("%+v: %v does not tell how it ended", lost, err)
			}
		}
		got := s.Enrollment(e.ID)
		s.Equal([]any{got.State, got.Outcome, got.ClosedAt}, []any{unit.StateClosed, "goal", Noon.Add(time.Hour)})
		s.Equal(len(s.Lease()), 0) // what it had not taken is dropped
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
	Each(t, func(s *Suite) {
		s.Publish([]*journey.Definition{Cart()})
		e := s.Enter("ana", nil)
		for n, reason := range []string{"terminated in Temporal", "again"} {
			closed, err := s.Enrollments.CloseLost(s.Ctx, Noon.Add(time.Duration(n+1)*time.Hour), e.ID, "cancelled", reason)
			s.Must(err)
			s.Equal(closed, n == 0)
		}
		got := s.Enrollment(e.ID)
		s.Equal(
			[]any{got.State, got.Outcome, got.Reason, got.ClosedAt},
			[]any{unit.StateClosed, "cancelled", "terminated in Temporal", Noon.Add(time.Hour)},
		)
		_, err := s.Enrollments.CloseLost(s.Ctx, Noon, "none", "failed", "")
		s.WantError(err, sqldb.ErrNotFound)
		_, err = s.Variables.View(s.Ctx, Noon, Ref(e), contract.EvalContext{})
		s.WantError(err, unit.ErrSuperseded)
	})
}

// A run whose last task was lost after its last report repeats that task, and must end in the same way.
func TestLastTaskIsRepeatable(t *testing.T) {
	Each(t, func(s *Suite) {
		s.Publish([]*journey.Definition{Cart()}, Reminder())
		e := s.Enter("ana", nil)
		send := s.NewSend(e, "sent")
		first, err := s.TryReserve(Wall, send, ByEmail)
		s.Must(err)
		s.Must(s.Messages.Settle(s.Ctx, Noon, first, message.Settlement{Status: contract.StatusSent}))
		s.Must(s.Intake.Assign(s.Ctx, Noon, Ref(e), "set", Props{"stage": "won"}))
		handoffID := contract.OpenHandoff{Ref: Ref(e), ID: "h", Spec: journey.Handoff{Queue: "support"}}
		s.Must(s.Handoffs.Open(s.Ctx, Noon, handoffID, ""))
		end := contract.Report{Ref: Ref(e), Seq: 1, Ended: &contract.Ended{Outcome: "goal", At: Noon}}
		s.Must(s.Enrollments.Report(s.Ctx, Noon, end))

		again, err := s.TryReserve(Wall, send, ByEmail)
		s.Must(err)
		s.Equal(again.Done.Status, contract.StatusSent)
		s.Must(s.Intake.Assign(s.Ctx, Noon, Ref(e), "set", Props{"stage": "won"}))
		s.Must(s.Handoffs.Open(s.Ctx, Noon, handoffID, ""))
		_, err = s.Outbox.Undelivered(s.Ctx, Ref(e), Noon)
		s.Must(err)
		_, err = s.Variables.View(s.Ctx, Noon, Ref(e), contract.EvalContext{})
		s.Must(err)
		s.Must(s.Enrollments.Report(s.Ctx, Noon, end))
		s.Equal(s.Enrollment(e.ID).Outcome, "goal")

		// What it has not done before, it may not do any more.
		_, err = s.TryReserve(Wall, s.NewSend(e, "new"), ByEmail)
		s.WantError(err, unit.ErrSuperseded)
		s.WantError(s.Intake.Assign(s.Ctx, Noon, Ref(e), "other", Props{"stage": "lost"}), unit.ErrSuperseded)
		handoffID.ID = "other"
		s.WantError(s.Handoffs.Open(s.Ctx, Noon, handoffID, ""), unit.ErrSuperseded)
		end.Seq = 2
		s.WantError(s.Enrollments.Report(s.Ctx, Noon, end), unit.ErrSuperseded)
	})
}
