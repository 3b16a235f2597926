package engine

import (
	"fmt"
	"testing"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func emit(e unit.Enrollment, step string, visit int, event string) contract.Emit {
	return contract.Emit{Ref: ref(e), Key: fmt.Sprintf("%s/%s/%d", e.ID, step, visit), Spec: journey.Emit{Event: event}}
}

func TestEmit(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes(
			[]*journey.Definition{
				cart(),
				cart(named("follow"), func(d *journey.Definition) { d.Entry.Events = []string{"Cart Viewed"}; d.Goal = nil }),
			},
			reminder(),
		)
		e := s.enters("ana", nil)
		in := emit(e, "tell", 1, "Cart Viewed")
		for range 2 {
			s.must(s.Intake.Emit(s.ctx, noon, in, props{"cart_id": "7"}))
		}
		// The emitting enrollment hears it too, and another journey is entered by it: once.
		s.same(s.drain(), []string{"event Cart Viewed cart/ana", "start follow/ana"})
		ev, err := customer.EventByID(s.ctx, s.Database.Reader, "tabi.emit/"+e.ID+"/tell/1")
		s.must(err)
		s.same(
			[]any{ev.Name, ev.Source, ev.Depth, ev.Customer, ev.Properties},
			[]any{"Cart Viewed", "step", 1, "ana", props{"cart_id": "7"}},
		)
		s.same(s.at("follow/ana").EntryEvent, ev.ID)

		// A stranger may not; one who has ended may only repeat.
		other := in
		other.Chain, other.Key = "another", e.ID+"/tell/2"
		s.refused(s.Intake.Emit(s.ctx, noon, other, nil), unit.ErrSuperseded)
		s.ends(e, "goal", noon)
		s.must(s.Intake.Emit(s.ctx, noon, in, nil))
		again := in
		again.Key = e.ID + "/tell/3"
		s.refused(s.Intake.Emit(s.ctx, noon, again, nil), unit.ErrSuperseded)
		if err := s.Intake.Emit(s.ctx, noon, contract.Emit{Ref: in.Ref, Key: "x"}, nil); !message.IsInput(err) {
			s.T.Fatalf("got %v", err)
		}
	})
}

// Two journeys that call each other end after ten links.
func TestChainsOfEmittedEventsEnd(t *testing.T) {
	each(t, func(s *suite) {
		ping := cart(named("ping"), func(d *journey.Definition) {
			d.Entry, d.Goal = journey.Entry{Events: []string{"Ping"}, Reentry: journey.ReentryAlways}, nil
		})
		s.publishes([]*journey.Definition{ping}, reminder())
		s.ingest(noon, s.track("ana", "Ping", nil))
		links := 0
		for {
			started := s.drain()
			if len(started) == 0 {
				break
			}
			if links++; links > 20 {
				s.T.Fatal("the chain has no end")
			}
			all, err := s.Enrollments.List(s.ctx, enrollment.Filter{Journey: "ping", State: unit.StateOpen})
			s.must(err)
			e := all[len(all)-1]
			s.must(s.Intake.Emit(s.ctx, noon, emit(e, "ping", 1, "Ping"), nil))
		}
		s.same(links, 11) // the first, and ten that it caused
	})
}

// What follows from an event at hand that was itself caused by others goes on counting.
func TestDepthOfTheEventAtHand(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()}, reminder())
		e := s.enters("ana", nil)
		deep := s.track("ana", "Cart Viewed", nil)
		deep.Depth = 6
		s.ingest(noon, deep)
		in := emit(e, "tell", 1, "Told")
		in.Event = deep.MessageID
		s.must(s.Intake.Emit(s.ctx, noon, in, nil))
		ev, err := customer.EventByID(s.ctx, s.Database.Reader, "tabi.emit/"+in.Key)
		s.must(err)
		s.same(ev.Depth, 7)
	})
}

func TestResponses(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()}, reminder())
		e := s.enters("ana", nil)
		in := contract.Call{Ref: ref(e), Key: e.ID + "/ask/1", Step: "ask"}
		s.must(s.Variables.KeepResponse(s.ctx, noon, in, contract.CallResult{Status: 500, Body: "no"}))
		s.must(
			s.Variables.KeepResponse(
				s.ctx,
				noon,
				in,
				contract.CallResult{Status: 200, Body: props{"name": "Ana\u0000", "n": []any{1, true, nil}}},
			),
		)
		scene := contract.EvalContext{
			Steps:     map[string]map[string]any{"ask": {"status": 200.0}, "send": nil},
			StepCalls: map[string]string{"ask": in.Key, "late": e.ID + "/late/1"},
		}
		vars, err := s.Variables.View(s.ctx, noon, ref(e), scene)
		s.must(err)
		s.same(
			vars.Steps,
			map[string]map[string]any{"ask": {"status": 200.0, "body": props{"name": "Ana\u0000", "n": []any{1.0, true, nil}}}, "send": {}},
		)
		s.same(scene.Steps["ask"], props{"status": 200.0})

		// Nobody reads another enrollment's.
		other := s.enters("ben", nil)
		vars, err = s.Variables.View(s.ctx, noon, ref(other), scene)
		s.must(err)
		s.same(vars.Steps["ask"], props{"status": 200.0})
		stranger := in
		stranger.Chain = "another"
		s.refused(s.Variables.KeepResponse(s.ctx, noon, stranger, contract.CallResult{}), unit.ErrSuperseded)

		s.ends(e, "goal", noon)
		left, err := sqldb.Exists(s.ctx, s.Database.Reader, `select 1 from http_call_responses`)
		s.must(err)
		s.same(left, false)
		s.refused(s.Variables.KeepResponse(s.ctx, noon, in, contract.CallResult{}), unit.ErrSuperseded)
	})
}
