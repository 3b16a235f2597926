package variables_test

import (
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func TestHTTPResponsesAreKept(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		e := s.Enter("ana", nil)
		in := contract.Call{Ref: enginetest.Ref(e), Key: e.ID + "/ask/1", Step: "ask"}
		s.Must(s.Variables.KeepResponse(s.Ctx, enginetest.Noon, in, contract.CallResult{Status: 500, Body: "no"}))
		s.Must(
			s.Variables.KeepResponse(
				s.Ctx,
				enginetest.Noon,
				in,
				contract.CallResult{Status: 200, Body: enginetest.Props{"name": "Ana\u0000", "n": []any{1, true, nil}}},
			),
		)
		scene := contract.EvalContext{
			Steps:     map[string]map[string]any{"ask": {"status": 200.0}, "send": nil},
			StepCalls: map[string]string{"ask": in.Key, "late": e.ID + "/late/1"},
		}
		vars, err := s.Variables.View(s.Ctx, enginetest.Noon, enginetest.Ref(e), scene)
		s.Must(err)
		s.Equal(
			vars.Steps,
			map[string]map[string]any{
				"ask":  {"status": 200.0, "body": enginetest.Props{"name": "Ana\u0000", "n": []any{1.0, true, nil}}},
				"send": {},
			},
		)
		s.Equal(scene.Steps["ask"], enginetest.Props{"status": 200.0})

		// An enrollment does not see the responses of another one.
		other := s.Enter("ben", nil)
		vars, err = s.Variables.View(s.Ctx, enginetest.Noon, enginetest.Ref(other), scene)
		s.Must(err)
		s.Equal(vars.Steps["ask"], enginetest.Props{"status": 200.0})
		stranger := in
		stranger.Chain = "another"
		s.WantError(s.Variables.KeepResponse(s.Ctx, enginetest.Noon, stranger, contract.CallResult{}), unit.ErrSuperseded)

		s.End(e, "goal", enginetest.Noon)
		left, err := sqldb.Exists(s.Ctx, s.Database.Reader, `select 1 from http_call_responses`)
		s.Must(err)
		s.Equal(left, false)
		s.WantError(s.Variables.KeepResponse(s.Ctx, enginetest.Noon, in, contract.CallResult{}), unit.ErrSuperseded)
	})
}

func TestViewOfAnEnrollment(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()})
		s.Ingest(enginetest.Noon, s.Identify("ana", enginetest.Props{"email": "a@example.com"}))
		e := s.Enter("ana", enginetest.Props{"cart_id": "k1", "items": []any{"x"}})
		order := s.Track("ana", "Order Completed", enginetest.Props{"cart_id": "k1", "total": 12})
		s.Ingest(enginetest.Noon.Add(time.Minute), order)
		v, err := s.Variables.View(s.Ctx, enginetest.Noon.Add(time.Hour), enginetest.Ref(e), contract.EvalContext{
			EntryEvent: e.EntryEvent, Event: order.MessageID, Vars: enginetest.Props{"tries": 2.0},
			Steps: map[string]map[string]any{
				"response": {"timed_out": false},
			}, StepEvents: map[string]string{"response": order.MessageID, "later": "gone"},
		})
		s.Must(err)
		s.Equal(v.Customer, enginetest.Props{"id": "ana", "email": "a@example.com"})
		s.Equal(v.Entry, enginetest.Props{"cart_id": "k1", "items": []any{"x"}})
		s.Equal(v.Event, enginetest.Props{"cart_id": "k1", "total": 12.0})
		s.Equal(v.EventName, "Order Completed")
		s.Equal(v.Vars, enginetest.Props{"tries": 2.0})
		s.Equal(
			v.Steps,
			map[string]map[string]any{
				"response": {"timed_out": false, "properties": enginetest.Props{"cart_id": "k1", "total": 12.0}},
				"later":    {"properties": enginetest.Props{}},
			},
		)
		s.Equal(v.Now, enginetest.Noon.Add(time.Hour))
		s.Equal(v.Intent, map[string]float64{})
		n, err := v.History.Count("Order Completed", 2*time.Hour)
		s.Must(err)
		recent, err := v.History.Count("Order Completed", time.Minute)
		s.Must(err)
		s.Equal([]float64{n, recent}, []float64{1, 0})
		at, found, err := v.History.Last("Order Completed")
		s.Must(err)
		s.Equal([]any{at, found}, []any{enginetest.Noon.Add(time.Minute), true})
		_, found, err = v.History.Last("Never")
		s.Must(err)
		s.Equal(found, false)
		s.Equal(s.Enrollment(e.ID).Chain, enginetest.Ref(e).Chain) // claimed
		other := enginetest.Ref(e)
		other.Chain = "another"
		_, err = s.Variables.View(s.Ctx, enginetest.Noon, other, contract.EvalContext{})
		s.WantError(err, unit.ErrSuperseded)
	})
}
