package ingest_test

import (
	"fmt"
	"testing"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/limits"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func emit(e unit.Enrollment, step string, visit int, event string) contract.Emit {
	return contract.Emit{Ref: enginetest.Ref(e), Key: fmt.Sprintf("%s/%s/%d", e.ID, step, visit), Spec: journey.Emit{Event: event}}
}

func TestEmit(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish(
			[]*journey.Definition{
				enginetest.Cart(),
				enginetest.Cart(
					enginetest.Named("follow"),
					func(d *journey.Definition) { d.Entry.Events = []string{"Cart Viewed"}; d.Goal = nil },
				),
			},
			enginetest.Reminder(),
		)
		e := s.Enter("ana", nil)
		in := emit(e, "tell", 1, "Cart Viewed")
		for range 2 {
			s.Must(s.Intake.Emit(s.Ctx, enginetest.Noon, in, enginetest.Props{"cart_id": "7"}))
		}
		// The emitting enrollment receives the event too, and the event enters another journey, once.
		s.Equal(s.Drain(), []string{"event Cart Viewed cart/ana", "start follow/ana"})
		ev, err := customer.EventByID(s.Ctx, s.Database.Reader, "tabi.emit/"+e.ID+"/tell/1")
		s.Must(err)
		s.Equal(
			[]any{ev.Name, ev.Source, ev.Depth, ev.Customer, ev.Properties},
			[]any{"Cart Viewed", "step", 1, "ana", enginetest.Props{"cart_id": "7"}},
		)
		s.Equal(s.OpenAt("follow/ana").EntryEvent, ev.ID)

		// Another run may not emit; a closed enrollment may only repeat.
		other := in
		other.Chain, other.Key = "another", e.ID+"/tell/2"
		s.WantError(s.Intake.Emit(s.Ctx, enginetest.Noon, other, nil), unit.ErrSuperseded)
		s.End(e, "goal", enginetest.Noon)
		s.Must(s.Intake.Emit(s.Ctx, enginetest.Noon, in, nil))
		again := in
		again.Key = e.ID + "/tell/3"
		s.WantError(s.Intake.Emit(s.Ctx, enginetest.Noon, again, nil), unit.ErrSuperseded)
		if err := s.Intake.Emit(s.Ctx, enginetest.Noon, contract.Emit{Ref: in.Ref, Key: "x"}, nil); !message.IsInput(err) {
			s.T.Fatalf("got %v", err)
		}
	})
}

// Two journeys that trigger each other stop after ten events.
func TestEmitDepthIsLimited(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		ping := enginetest.Cart(enginetest.Named("ping"), func(d *journey.Definition) {
			d.Entry, d.Goal = journey.Entry{Events: []string{"Ping"}, Reentry: journey.ReentryAlways}, nil
		})
		s.Publish([]*journey.Definition{ping}, enginetest.Reminder())
		s.Ingest(enginetest.Noon, s.Track("ana", "Ping", nil))
		links := 0
		for {
			started := s.Drain()
			if len(started) == 0 {
				break
			}
			if links++; links > 20 {
				s.T.Fatal("the journeys trigger each other without end")
			}
			all, err := s.Enrollments.List(s.Ctx, enrollment.Filter{Journey: "ping", State: unit.StateOpen})
			s.Must(err)
			e := all[len(all)-1]
			in := emit(e, "ping", 1, "Ping")
			in.EntryEvent = e.EntryEvent
			err = s.Intake.Emit(s.Ctx, enginetest.Noon, in, nil)
			if wantOver(s, err, limits.ChainReaction, links > 10) {
				s.Equal(len(s.Drain()), 0)
				break
			}
		}
		s.Equal(links, 11) // the first event, and ten that it caused
	})
}

// An event that a step emits counts the depth of the event that the step handles.
func TestEmitDepthCountsTheHandledEvent(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		e := s.Enter("ana", nil)
		deep := s.Track("ana", "Cart Viewed", nil)
		deep.Depth = 6
		s.Ingest(enginetest.Noon, deep)
		in := emit(e, "tell", 1, "Told")
		in.Event = deep.MessageID
		s.Must(s.Intake.Emit(s.Ctx, enginetest.Noon, in, nil))
		ev, err := customer.EventByID(s.Ctx, s.Database.Reader, "tabi.emit/"+in.Key)
		s.Must(err)
		s.Equal(ev.Depth, 7)
	})
}

func TestRecordMeansTheCustomerOfNow(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()})
		identify := func(id, user string) customer.SegmentCall {
			return customer.SegmentCall{Type: "identify", MessageID: id, UserID: user, AnonymousID: "d1"}
		}
		e := s.OpenAt(s.Ingest(enginetest.Noon, customer.SegmentCall{Type: "track", MessageID: "1", AnonymousID: "d1",
			Event: "Cart Updated"})[0].Entered[0])
		record := func(id, enrollmentID string) (customer.Receipt, error) {
			return s.Intake.Record(s.Ctx, enginetest.Noon, enrollmentID, customer.SegmentCall{Type: "track", MessageID: id, UserID: "other",
				Event: "Order Completed", Source: "temporal"})
		}
		r, err := record("s1", e.ID) // while it is anonymous
		s.Must(err)
		s.Equal([]any{r.Customer, r.DeliveredTo}, []any{"anon:d1", []string{e.ID}})
		s.Ingest(enginetest.Noon, identify("2", "ana"), identify("3", "ben")) // the device is ben's by now
		r, err = record("s2", e.ID)
		s.Must(err)
		s.Equal([]any{r.Customer, r.DeliveredTo}, []any{"ana", []string{e.ID}})
		r, err = record("s2", e.ID)
		s.Must(err)
		s.Equal([]any{r.Customer, r.Duplicate}, []any{"ana", true})
		_, err = s.Intake.Record(s.Ctx, enginetest.Noon, e.ID, customer.SegmentCall{Type: "track", MessageID: "s2",
			Event: "Order Refunded"})
		s.WantError(err, customer.ErrTaken)
		_, err = record("s2\u202e", e.ID)
		if !message.IsInput(err) {
			s.T.Errorf("an id that turns text: %v", err)
		}
		s.Drain()
		s.End(e, contract.Goal, enginetest.Noon)
		r, err = record("s3", e.ID) // it happened, whatever became of the enrollment
		s.Must(err)
		s.Equal([]any{r.Customer, len(r.DeliveredTo)}, []any{"ana", 0})
		for _, bad := range []func() (customer.Receipt, error){
			func() (customer.Receipt, error) { return record("s4", "no-such") },
			func() (customer.Receipt, error) { return record("\x00", e.ID) },
		} {
			if _, err := bad(); !message.IsInput(err) {
				s.T.Errorf("%v", err)
			}
		}
	})
}
