package enrollment_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// editedCart is the cart journey with a step in front, a renamed wait for another event, and more properties that it reads.
func editedCart(d *journey.Definition) {
	wait := d.Steps[0]
	wait.ID, wait.Next = "answer", 2
	wait.Spec = &journey.WaitFor{
		Arms:      []journey.EventArm{{Events: []string{"Answered"}, When: `event.mood == "good"`, Then: 2}},
		Timeout:   time.Hour,
		OnTimeout: 2,
	}
	d.Steps = []journey.Step{
		{
			ID:   "note",
			Kind: "set",
			Path: journey.Main,
			Next: 1,
			Spec: &journey.Set{Assign: []journey.Assignment{{Target: "vars", Name: "shop", Value: "entry.shop"}}},
		},
		wait,
		d.Steps[1],
	}
}

// reportWaiting reports that an enrollment is waiting at a step.
func (s *suite) reportWaiting(e unit.Enrollment, step string, seq int) {
	s.T.Helper()
	s.Must(
		s.Enrollments.Report(
			s.Ctx,
			enginetest.Noon,
			contract.Report{
				Ref:    enginetest.Ref(e),
				Seq:    seq,
				Parked: &contract.Position{Step: step, Kind: "wait_for", Since: enginetest.Noon, Until: enginetest.Noon.Add(time.Hour)},
			},
		),
	)
}

func (s *suite) migrate(m enrollment.Migration) []string {
	s.T.Helper()
	m.Journey = "cart"
	page, err := s.Enrollments.Migrate(s.Ctx, enginetest.Noon, m)
	s.Must(err)
	return describeMigrations(page.Migrations)
}

func describeMigrations(all []enrollment.MigrationStatus) []string {
	var out []string
	for _, one := range all {
		line := fmt.Sprintf("%s %s %s>%s", one.Customer, one.State, one.Step, one.Target)
		if one.Reason != "" {
			line += ": " + one.Reason
		}
		out = append(out, line)
	}
	return out
}

func TestTheControlGroupKeepsItsRevision(t *testing.T) {
	each(t, func(s *suite) {
		held := func(d *journey.Definition) { d.Entry.Holdout = 100 }
		s.Publish([]*journey.Definition{enginetest.Cart(held)}, enginetest.Reminder())
		s.reportWaiting(s.Enter("ana", nil), "", 1)
		s.Publish([]*journey.Definition{enginetest.Cart(held, editedCart)}, enginetest.Reminder())
		s.Equal(s.migrate(enrollment.Migration{}), []string(nil))
	})
}

func TestMigrate(t *testing.T) {
	each(t, func(s *suite) {
		_, err := s.Enrollments.Migrate(s.Ctx, enginetest.Noon, enrollment.Migration{Journey: "cart"})
		s.WantError(err, sqldb.ErrNotFound)
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		ana, ben := s.Enter("ana", enginetest.Props{"cart_id": "1", "shop": "north"}), s.Enter("ben", nil)
		s.reportWaiting(ana, "response", 1)
		s.reportWaiting(ben, "response", 1)
		s.End(s.Enter("cem", nil), "goal", enginetest.Noon)
		s.Equal(s.migrate(enrollment.Migration{}), []string(nil)) // all are on the current revision
		next := enginetest.Cart(editedCart)
		s.Publish([]*journey.Definition{next}, enginetest.Reminder())

		gone := `step "response" no longer exists: name the step that replaces it with --step response=<id>`
		s.Equal(s.migrate(enrollment.Migration{DryRun: true}), []string{"ana refused response>: " + gone, "ben refused response>: " + gone})
		rename := enrollment.Migration{Renamed: map[string]string{"response": "answer"}, By: "me"}
		dry := rename
		dry.DryRun = true
		s.Equal(s.migrate(dry), []string{"ana ordered response>answer", "ben ordered response>answer"})
		s.Equal(s.Drain(), []string(nil))
		s.Equal(s.migrate(enrollment.Migration{}), []string{"ana refused response>: " + gone, "ben refused response>: " + gone})
		s.Equal(s.migrate(rename), []string{"ana ordered response>answer", "ben ordered response>answer"})
		s.Equal(s.migrate(rename), []string{"ana ordered response>answer", "ben ordered response>answer"}) // not ordered twice

		// Between the order and the answer, an enrollment receives the events that either revision listens for, with the properties that
		// either reads.
		s.Ingest(
			enginetest.Noon,
			s.Track("ana", "Answered", enginetest.Props{"mood": "good", "cart_id": "1", "other": 1}),
			s.Track("ana", "Cart Viewed", nil),
		)
		leases := s.Lease()
		s.Equal(len(leases), 2)
		for _, l := range leases {
			order := l.Deliveries[0].Delivery
			s.Equal(
				[]any{
					order.Command.Kind,
					order.Command.Revision,
					order.Command.Renamed,
					order.Command.By,
					order.Enrollment == l.Enrollment.ID,
				},
				[]any{contract.MigrateOrder, next.Revision(), rename.Renamed, "me", true},
			)
			loaded, err := journey.Load(order.Command.Definition, next.Revision())
			s.Must(err)
			s.Equal(loaded.Revision(), next.Revision())
			if l.Enrollment.Customer == "ana" {
				s.Equal(
					[]any{l.Deliveries[1].Delivery.Event.Name, l.Deliveries[1].Delivery.Event.Values(),
						l.Deliveries[2].Delivery.Event.Name},
					[]any{"Answered", map[string]any{"mood": "good", "cart_id": "1"}, "Cart Viewed"},
				)
			}
			s.Must(s.Outbox.Delivered(s.Ctx, l, l.Deliveries[len(l.Deliveries)-1].Seq))
			s.Must(s.Outbox.ReleaseLease(s.Ctx, l, "", time.Time{}))
		}

		in := contract.Move{Ref: enginetest.Ref(ana), To: next.Revision(), Step: "answer", Events: []string{"m4", "nobody's"}}
		stranger := in
		stranger.Chain = "another"
		_, err = s.Enrollments.RecordMigration(s.Ctx, enginetest.Noon, stranger)
		s.WantError(err, unit.ErrSuperseded)
		for range 2 {
			got, err := s.Enrollments.RecordMigration(s.Ctx, enginetest.Noon, in)
			s.Must(err)
			s.Equal(
				got,
				contract.MoveResult{
					Entry:  json.RawMessage(`{"cart_id":"1","shop":"north"}`),
					Events: map[string]json.RawMessage{"m4": json.RawMessage(`{"cart_id":"1","mood":"good"}`)},
				},
			)
		}
		e := s.Enrollment(ana.ID)
		s.Equal(
			[]any{e.Revision, e.Step, e.StepKind, e.Until},
			[]any{next.Revision(), "answer", "wait_for", enginetest.Noon.Add(time.Hour)},
		)
		s.Ingest(enginetest.Noon, s.Track("ana", "Cart Viewed", nil), s.Track("ana", "Answered", nil))
		s.Equal(s.Drain(), []string{"event Answered cart/ana"})

		s.Must(s.Enrollments.MoveRefused(s.Ctx, enginetest.Noon, ben.ID, next.Revision(), "not now"))
		s.Must(s.Enrollments.MoveRefused(s.Ctx, enginetest.Noon, ben.ID, next.Revision(), "another word"))
		s.Must(s.Enrollments.MoveRefused(s.Ctx, enginetest.Noon, ana.ID, next.Revision(), "too late"))
		moves := func() []string {
			all, err := s.Enrollments.MigrationStatuses(s.Ctx, "cart", "", 0)
			s.Must(err)
			return describeMigrations(all)
		}
		s.Equal(moves(), []string{"ana moved response>answer", "ben refused response>answer: not now"})
		s.Equal(s.migrate(rename), []string{"ben ordered response>answer"}) // an enrollment that refused can be asked again
		_, err = s.Enrollments.RecordMigration(
			s.Ctx,
			enginetest.Noon,
			contract.Move{Ref: enginetest.Ref(ben), To: next.Revision(), Refused: "mid-air"},
		)
		s.Must(err)
		s.Equal(moves(), []string{"ana moved response>answer", "ben refused response>answer: mid-air"})
		s.Equal(s.Enrollment(ben.ID).Revision, ben.Revision)

		// An order without an answer is deleted when the enrollment ends.
		s.Equal(s.migrate(rename), []string{"ben ordered response>answer"})
		s.End(s.Enrollment(ben.ID), "goal", enginetest.Noon)
		s.Equal(moves(), []string{"ana moved response>answer"})
		_, err = s.Enrollments.RecordMigration(
			s.Ctx,
			enginetest.Noon,
			contract.Move{Ref: enginetest.Ref(ben), To: next.Revision(), Refused: "again"},
		)
		s.Must(err)
		s.Equal(moves(), []string{"ana moved response>answer"})
		_, err = s.Enrollments.MigrationStatuses(s.Ctx, "nothing", "", 0)
		s.WantError(err, sqldb.ErrNotFound)
	})
}

func TestMigratePages(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		for i := range 5 {
			s.Enter(fmt.Sprint("c", i), nil) // not claimed, so at no step
		}
		s.Ingest(enginetest.Noon, s.Track("late", "Cart Updated", nil)) // not started
		_, err := s.Enrollments.PauseJourney(s.Ctx, enginetest.Noon, "cart", "me", true)
		s.Must(err)
		s.Publish([]*journey.Definition{enginetest.Cart(editedCart)}, enginetest.Reminder())
		var all []string
		pages := 0
		for after := ""; ; pages++ {
			page, err := s.Enrollments.Migrate(s.Ctx, enginetest.Noon, enrollment.Migration{Journey: "cart", After: after, Limit: 2})
			s.Must(err)
			all = append(all, describeMigrations(page.Migrations)...)
			if after = page.Next; after == "" {
				break
			}
		}
		s.Equal(all, []string{"c0 ordered >", "c1 ordered >", "c2 ordered >", "c3 ordered >", "c4 ordered >", "late ordered >"})
		s.Equal(pages, 3)
		told := s.Drain()
		s.Equal(told[len(told)-2:], []string{"pause cart/late", "migrate cart/late"})
		s.Equal(told[len(told)-3], "start cart/late")
	})
}

// A release may not drop the revision that an enrollment is ordered to migrate to.
func TestReleaseKeepsRevisionsOfOpenMigrations(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish(
			[]*journey.Definition{
				enginetest.Cart(func(d *journey.Definition) { d.Steps = d.Steps[:1]; d.Steps[0].Next = journey.End; renameArms(d) }),
			},
			enginetest.Reminder(),
		)
		s.Enter("ana", nil)
		next := enginetest.Cart()
		s.Publish([]*journey.Definition{next}, enginetest.Reminder())
		s.Equal(s.migrate(enrollment.Migration{}), []string{"ana ordered >"})
		_, err := s.Catalog.Publish(s.Ctx, enginetest.Noon, enginetest.Content([]*journey.Definition{enginetest.Cart(editedCart)}))
		var dropped *catalog.DroppedError
		if !errors.As(err, &dropped) {
			s.T.Fatalf("got %v, want a DroppedError", err)
		}
		s.Equal(dropped.Missing, []string{`message "reminder", named by journey cart (revision ` + next.Revision() + `, 1 open)`})
	})
}

func renameArms(d *journey.Definition) {
	d.Steps[0].Spec = &journey.WaitFor{
		Arms:      []journey.EventArm{{Events: []string{"Cart Viewed"}, Then: journey.End}},
		Timeout:   time.Hour,
		OnTimeout: journey.End,
	}
}

// Events that arrive during a migration are delivered, in either order.
func TestEventRacesMigration(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		var all []unit.Enrollment
		for i := range 16 {
			e := s.Enter(fmt.Sprint("c", i), nil)
			s.reportWaiting(e, "response", 1)
			all = append(all, e)
		}
		next := enginetest.Cart(editedCart)
		s.Publish([]*journey.Definition{next}, enginetest.Reminder())
		s.Equal(len(s.migrate(enrollment.Migration{Renamed: map[string]string{"response": "answer"}})), 16)
		s.Drain()
		done := make(chan error, 32)
		for i, e := range all {
			go func() {
				_, err := s.Enrollments.RecordMigration(
					s.Ctx,
					enginetest.Noon,
					contract.Move{Ref: enginetest.Ref(e), To: next.Revision(), Step: "answer"},
				)
				done <- err
			}()
			go func() {
				_, err := s.Intake.Ingest(
					s.Ctx,
					enginetest.Noon,
					[]customer.SegmentCall{
						{
							Type:       "track",
							MessageID:  fmt.Sprint("race", i),
							UserID:     e.Customer,
							Event:      "Answered",
							Properties: enginetest.Props{"mood": "good"},
						},
					},
				)
				done <- err
			}()
		}
		for range 32 {
			s.Must(<-done)
		}
		heard := 0
		for _, l := range s.Lease() {
			for _, d := range l.Deliveries {
				s.Equal(string(d.Delivery.Event.Properties), `{"mood":"good"}`)
				heard++
			}
		}
		s.Equal(heard, 16)
	})
}
