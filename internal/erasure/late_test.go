package erasure_test

import (
	"errors"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// TestWhatIsInFlightLeavesNothing: a customer is forgotten while a message is on its way, another system is asked, a hand-off is claimed,
// a delivery is under a lease, another one is a dead letter, and the enrollment is ordered to migrate. What comes of these later changes
// nothing, at whichever step of the forgetting it comes.
func TestWhatIsInFlightLeavesNothing(t *testing.T) {
	for _, step := range []string{"marked", "closed", "keys gone", "done"} {
		t.Run(step, func(t *testing.T) {
			enginetest.Each(t, func(s *enginetest.Suite) {
				publish(s)
				agrees := enginetest.Props{"email": "zaphod@example.com", "consent": enginetest.Props{"marketing": true}}
				s.Ingest(enginetest.Noon, s.Identify("zaphod", agrees))
				e := s.EnterCart("zaphod")
				ref := enginetest.Ref(e)
				s.Must(s.Enrollments.Report(s.Ctx, enginetest.Noon, contract.Report{Ref: ref, Seq: 1,
					Parked: &contract.Position{Step: "nudge", Kind: "send"}}))
				send := s.Reserve(e, e.ID+"/send", enginetest.Wall, agrees)
				s.OpenHandoff(e, e.ID+"/handoff", "high", enginetest.Noon)
				s.Must(s.Handoffs.Claim(s.Ctx, enginetest.Noon, enginetest.Wall, e.ID+"/handoff", "kim"))
				call := contract.Call{Ref: ref, Key: e.ID + "/call"}
				answer := contract.CallResult{Status: 200, Body: enginetest.Props{"name": "zaphod"}}
				s.Must(s.Variables.KeepResponse(s.Ctx, enginetest.Noon, call, answer))
				s.Ingest(enginetest.Noon, s.Track("zaphod", "Order Completed", enginetest.Props{"of": "zaphod"}))
				dead := s.Lease()[0]
				s.Must(s.Outbox.SetAside(s.Ctx, enginetest.Noon, dead, dead.Deliveries[0].Seq, "it refuses zaphod"))
				s.Ingest(enginetest.Noon, s.Track("zaphod", "Order Completed", enginetest.Props{"of": "zaphod too"}))
				lease := s.Lease()[0]

				s.PublishOffers(func(c *journey.Content) { c.Journeys["cart"].Timeout += time.Hour })
				page, err := s.Enrollments.Migrate(s.Ctx, enginetest.Noon, enrollment.Migration{Journey: "cart", By: "sam"})
				s.Must(err)
				s.Equal(len(page.Migrations), 1)

				r, err := s.Erasure.Start(s.Ctx, enginetest.Noon, "zaphod", "ticket 12", "sam", false)
				s.Must(err)
				if step != "marked" {
					s.Must(s.Erasure.CloseEnrollment(s.Ctx, enginetest.Noon, r.ID, e.ID))
				}
				if step == "keys gone" {
					s.Must(s.Erasure.Delete(s.Ctx, enginetest.Noon, r.ID))
				}
				if step == "done" {
					finish(s, r.ID)
				}

				for _, err := range []error{
					s.Messages.Settle(s.Ctx, enginetest.Noon, send, message.Settlement{Status: contract.StatusSent,
						ProviderID: "zaphod-1", Gone: []string{"zaphod@example.com"}}),
					s.Variables.KeepResponse(s.Ctx, enginetest.Noon, call, answer),
					s.Handoffs.Open(s.Ctx, enginetest.Noon, contract.OpenHandoff{Ref: ref, ID: e.ID + "/late", Step: "help",
						Spec: journey.Handoff{Queue: "support"}}, "call zaphod"),
					s.Outbox.ReleaseLease(s.Ctx, lease, "no workflow cart/zaphod", enginetest.Wall),
					s.Outbox.SetAside(s.Ctx, enginetest.Noon, lease, lease.Deliveries[0].Seq, "no workflow cart/zaphod"),
					s.Enrollments.Report(s.Ctx, enginetest.Noon, contract.Report{Ref: ref, Seq: 2,
						Ended: &contract.Ended{Outcome: "exited", Reason: "zaphod left", At: enginetest.Noon}}),
					s.Enrollments.MoveRefused(s.Ctx, enginetest.Noon, e.ID, page.Migrations[0].To, "not zaphod"),
				} {
					var ended *unit.EndedError
					if err != nil && !errors.Is(err, unit.ErrSuperseded) && !errors.As(err, &ended) {
						t.Errorf("what comes late fails otherwise than as superseded: %v", err)
					}
				}
				again, err := s.Enrollments.Restart(s.Ctx, enginetest.Noon, e.ID, false, false)
				if err == nil && again.Refused == "" {
					t.Error("an enrollment of a forgotten customer is restarted")
				}
				finish(s, r.ID)
				for _, row := range containing(rows(s), "zaphod") {
					t.Errorf("left: %s", row)
				}
				left, err := s.Outbox.Lease(s.Ctx, enginetest.Wall.Add(time.Hour), 100, time.Minute)
				s.Must(err)
				s.Equal(len(left), 0)
			})
		})
	}
}
