package enrollment_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// reportsWait reports that an enrollment waits, in a state that has seen events.
func (s *suite) reportsWait(e unit.Enrollment, seq int, state map[string]any) {
	s.T.Helper()
	raw, err := json.Marshal(state)
	s.Must(err)
	s.Must(s.Enrollments.Report(s.Ctx, enginetest.Noon, contract.Report{Ref: enginetest.Ref(e), Seq: seq,
		Parked: &contract.Position{Step: "main.1", Kind: "wait", Since: enginetest.Noon}, Snapshot: raw}))
}

// An enrollment that begins again gets its start with the state that was reported last, then what was accepted since, then
// what was still in its queue, each once.
func TestRestartQueuesWhatTheLostRunMayHaveTaken(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()})
		e := s.Enter("ana", nil) // by m1
		s.Ingest(enginetest.Noon, s.Track("ana", "Cart Viewed", nil))
		s.Drain()
		s.reportsWait(e, 1, map[string]any{"seen": []string{"m1", "m2"}, "paused": true, "log": []string{"before"}})
		s.reportsWait(e, 2, nil)
		s.reportsWait(e, 3, map[string]any{"seen": []string{"m1", "m2"}, "log": []string{"before"}, "reports": 3})
		s.Ingest(enginetest.Noon, s.Track("ana", "Cart Viewed", nil), s.Track("ana", "Nobody Listens", nil))
		s.Drain() // m3 was delivered, and is lost with the run
		s.Ingest(enginetest.Noon, s.Track("ana", "Cart Viewed", nil))
		s.Must(s.Enrollments.Command(s.Ctx, enginetest.Noon, e.WorkflowID, contract.Command{Kind: contract.ExitUpdate}))

		would, err := s.Enrollments.Restart(s.Ctx, enginetest.Noon, e.ID, false, true)
		s.Must(err)
		s.Equal(s.Enrollment(e.ID).Chain, enginetest.Ref(e).Chain)
		did, err := s.Enrollments.Restart(s.Ctx, enginetest.Noon, e.ID, false, false)
		s.Must(err)
		s.Equal(did, would)
		s.Equal([]any{did.Snapshot, did.Refused}, []any{true, ""})
		leases := s.Lease()
		s.Equal(len(leases), 1)
		var ids []string
		for _, d := range leases[0].Deliveries[1:] {
			id, _, _ := strings.Cut(d.Delivery.ID, "/")
			ids = append(ids, id)
		}
		s.Equal(ids, []string{"m3", "m5", "command"})
		start := leases[0].Deliveries[0].Start
		var state struct {
			Reports int
			Log     []string
		}
		s.Must(json.Unmarshal(start.Snapshot, &state))
		s.Equal([]any{state.Reports, len(state.Log), start.Enrollment}, []any{3, 2, e.ID})

		// The lost run turns up: it has lost its claim, before and after another run has made its own.
		s.WantError(s.Enrollments.Report(s.Ctx, enginetest.Noon, contract.Report{Ref: enginetest.Ref(e), Seq: 5,
			Parked: &contract.Position{Step: "main.1", Kind: "wait"}}), unit.ErrSuperseded)
		other := enginetest.Ref(e)
		other.Chain = "another"
		s.Must(s.Enrollments.Report(s.Ctx, enginetest.Noon, contract.Report{Ref: other, Seq: 4,
			Parked: &contract.Position{Step: "main.1", Kind: "wait"}}))
		s.WantError(s.Enrollments.Report(s.Ctx, enginetest.Noon, contract.Report{Ref: enginetest.Ref(e), Seq: 5,
			Parked: &contract.Position{Step: "main.1", Kind: "wait"}}), unit.ErrSuperseded)
	})
}

// Without a reported state it begins at its entry, and is paused as it was.
func TestRestartAtTheEntry(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()})
		e := s.Enter("ana", nil)
		s.Must(s.Enrollments.Command(s.Ctx, enginetest.Noon, e.WorkflowID, contract.Command{Kind: contract.PauseUpdate}))
		s.Ingest(enginetest.Noon, s.Track("ana", "Cart Viewed", nil))
		s.Drain()
		did, err := s.Enrollments.Restart(s.Ctx, enginetest.Noon, e.ID, false, false)
		s.Must(err)
		s.Equal([]any{did.Snapshot, did.Events}, []any{false, 1})
		s.Equal(s.Drain(), []string{"start cart/ana", "event Cart Viewed cart/ana", "pause cart/ana"})
	})
}

// Of the closed ones, only those begin again that were closed because their run was lost, and whose customer has not entered
// again.
func TestRestartOfClosedEnrollments(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()})
		lost := s.Enter("ana", nil)
		s.OpenHandoff(lost, lost.ID+"/help/1", "normal", enginetest.Noon)
		s.reportsWait(lost, 1, map[string]any{"seen": []string{lost.EntryEvent}, "wait": map[string]any{"key": lost.ID + "/help/1"}})
		s.CloseLost(lost.ID, contract.Failed, unit.LostReason)
		ended := s.Enter("ben", nil)
		s.End(ended, contract.Goal, enginetest.Noon)
		failed := s.Enter("cyd", nil)
		s.CloseLost(failed.ID, contract.Failed, "a step failed")
		again := s.Enter("dan", nil)
		s.CloseLost(again.ID, contract.Failed, unit.LostReason)
		s.Ingest(enginetest.Noon.Add(time.Minute), s.Track("dan", "Cart Updated", nil))
		s.Drain()
		for _, e := range []unit.Enrollment{ended, failed, again} {
			did, err := s.Enrollments.Restart(s.Ctx, enginetest.Noon, e.ID, false, false)
			s.Must(err)
			if did.Refused == "" || s.Enrollment(e.ID).State != unit.StateClosed {
				s.T.Errorf("%s began again", e.WorkflowID)
			}
		}
		did, err := s.Enrollments.Restart(s.Ctx, enginetest.Noon, lost.ID, false, false)
		s.Must(err)
		s.Equal(did.Refused, "")
		e := s.OpenAt(lost.WorkflowID)
		s.Equal([]any{e.ID, e.State, e.Outcome, e.Reason, e.ClosedAt.IsZero()}, []any{lost.ID, unit.StateOpen, "", "", true})
		h, err := s.Handoffs.Get(s.Ctx, lost.ID+"/help/1")
		s.Must(err)
		s.Equal(h.State, "open")
		s.Equal(s.Drain(), []string{"start cart/ana"})
	})
}
