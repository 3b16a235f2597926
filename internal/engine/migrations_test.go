package engine

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// renewed is cart with a step before, the wait renamed, another event that it waits for, and more that it reads.
func renewed(d *journey.Definition) {
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

// parks reports that an enrollment waits at a step.
func (s *suite) parks(e unit.Enrollment, step string, seq int) {
	s.T.Helper()
	s.must(
		s.Enrollments.Report(
			s.ctx,
			noon,
			contract.Report{
				Ref:    ref(e),
				Seq:    seq,
				Parked: &contract.Position{Step: step, Kind: "wait_for", Since: noon, Until: noon.Add(time.Hour)},
			},
		),
	)
}

func (s *suite) migrates(m enrollment.Migration) []string {
	s.T.Helper()
	m.Journey = "cart"
	page, err := s.Enrollments.Migrate(s.ctx, noon, m)
	s.must(err)
	return lines(page.Migrations)
}

func lines(all []enrollment.MigrationStatus) []string {
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
		s.publishes([]*journey.Definition{cart(held)}, reminder())
		s.parks(s.enters("ana", nil), "", 1)
		s.publishes([]*journey.Definition{cart(held, renewed)}, reminder())
		s.same(s.migrates(enrollment.Migration{}), []string(nil))
	})
}

func TestMigrate(t *testing.T) {
	each(t, func(s *suite) {
		_, err := s.Enrollments.Migrate(s.ctx, noon, enrollment.Migration{Journey: "cart"})
		s.refused(err, sqldb.ErrNotFound)
		s.publishes([]*journey.Definition{cart()}, reminder())
		ana, ben := s.enters("ana", props{"cart_id": "1", "shop": "north"}), s.enters("ben", nil)
		s.parks(ana, "response", 1)
		s.parks(ben, "response", 1)
		s.ends(s.enters("cem", nil), "goal", noon)
		s.same(s.migrates(enrollment.Migration{}), []string(nil)) // all are on the current one
		next := cart(renewed)
		s.publishes([]*journey.Definition{next}, reminder())

		gone := `step "response" no longer exists: say with --step response=<id> which step takes its place`
		s.same(s.migrates(enrollment.Migration{DryRun: true}), []string{"ana refused response>: " + gone, "ben refused response>: " + gone})
		rename := enrollment.Migration{Renamed: map[string]string{"response": "answer"}, By: "me"}
		dry := rename
		dry.DryRun = true
		s.same(s.migrates(dry), []string{"ana ordered response>answer", "ben ordered response>answer"})
		s.same(s.drain(), []string(nil))
		s.same(s.migrates(enrollment.Migration{}), []string{"ana refused response>: " + gone, "ben refused response>: " + gone})
		s.same(s.migrates(rename), []string{"ana ordered response>answer", "ben ordered response>answer"})
		s.same(s.migrates(rename), []string{"ana ordered response>answer", "ben ordered response>answer"}) // not twice

		// Between the order and the answer, an enrollment hears what either revision listens to, with what
		// either reads.
		s.ingest(noon, s.track("ana", "Answered", props{"mood": "good", "cart_id": "1", "other": 1}), s.track("ana", "Cart Viewed", nil))
		leases := s.lease()
		s.same(len(leases), 2)
		for _, l := range leases {
			order := l.Deliveries[0].Delivery
			s.same(
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
			s.must(err)
			s.same(loaded.Revision(), next.Revision())
			if l.Enrollment.Customer == "ana" {
				s.same(
					[]any{l.Deliveries[1].Delivery.Event.Name, l.Deliveries[1].Delivery.Event.Properties,
						l.Deliveries[2].Delivery.Event.Name},
					[]any{"Answered", props{"mood": "good", "cart_id": "1"}, "Cart Viewed"},
				)
			}
			s.must(s.Outbox.Delivered(s.ctx, l, l.Deliveries[len(l.Deliveries)-1].Seq))
			s.must(s.Outbox.ReleaseLease(s.ctx, l, "", time.Time{}))
		}

		in := contract.Move{Ref: ref(ana), To: next.Revision(), Step: "answer", Events: []string{"m4", "nobody's"}}
		stranger := in
		stranger.Chain = "another"
		_, err = s.Enrollments.RecordMigration(s.ctx, noon, stranger)
		s.refused(err, unit.ErrSuperseded)
		for range 2 {
			got, err := s.Enrollments.RecordMigration(s.ctx, noon, in)
			s.must(err)
			s.same(
				got,
				contract.MoveResult{
					Entry:  props{"cart_id": "1", "shop": "north"},
					Events: map[string]map[string]any{"m4": {"mood": "good", "cart_id": "1"}},
				},
			)
		}
		e := s.byID(ana.ID)
		s.same([]any{e.Revision, e.Step, e.StepKind, e.Until}, []any{next.Revision(), "answer", "wait_for", noon.Add(time.Hour)})
		s.ingest(noon, s.track("ana", "Cart Viewed", nil), s.track("ana", "Answered", nil))
		s.same(s.drain(), []string{"event Answered cart/ana"})

		s.must(s.Enrollments.MoveRefused(s.ctx, noon, ben.ID, next.Revision(), "not now"))
		s.must(s.Enrollments.MoveRefused(s.ctx, noon, ben.ID, next.Revision(), "another word"))
		s.must(s.Enrollments.MoveRefused(s.ctx, noon, ana.ID, next.Revision(), "too late"))
		moves := func() []string {
			all, err := s.Enrollments.MigrationStatuses(s.ctx, "cart", "", 0)
			s.must(err)
			return lines(all)
		}
		s.same(moves(), []string{"ana moved response>answer", "ben refused response>answer: not now"})
		s.same(s.migrates(rename), []string{"ben ordered response>answer"}) // one that refused may be asked again
		_, err = s.Enrollments.RecordMigration(s.ctx, noon, contract.Move{Ref: ref(ben), To: next.Revision(), Refused: "mid-air"})
		s.must(err)
		s.same(moves(), []string{"ana moved response>answer", "ben refused response>answer: mid-air"})
		s.same(s.byID(ben.ID).Revision, ben.Revision)

		// What was ordered and not answered goes with the enrollment.
		s.same(s.migrates(rename), []string{"ben ordered response>answer"})
		s.ends(s.byID(ben.ID), "goal", noon)
		s.same(moves(), []string{"ana moved response>answer"})
		_, err = s.Enrollments.RecordMigration(s.ctx, noon, contract.Move{Ref: ref(ben), To: next.Revision(), Refused: "again"})
		s.must(err)
		s.same(moves(), []string{"ana moved response>answer"})
		_, err = s.Enrollments.MigrationStatuses(s.ctx, "nothing", "", 0)
		s.refused(err, sqldb.ErrNotFound)
	})
}

func TestMigratePages(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()}, reminder())
		for i := range 5 {
			s.enters(fmt.Sprint("c", i), nil) // not claimed: no step yet
		}
		s.ingest(noon, s.track("late", "Cart Updated", nil)) // not even started
		_, err := s.Enrollments.PauseJourney(s.ctx, noon, "cart", "me", true)
		s.must(err)
		s.publishes([]*journey.Definition{cart(renewed)}, reminder())
		var all []string
		pages := 0
		for after := ""; ; pages++ {
			page, err := s.Enrollments.Migrate(s.ctx, noon, enrollment.Migration{Journey: "cart", After: after, Limit: 2})
			s.must(err)
			all = append(all, lines(page.Migrations)...)
			if after = page.Next; after == "" {
				break
			}
		}
		s.same(all, []string{"c0 ordered >", "c1 ordered >", "c2 ordered >", "c3 ordered >", "c4 ordered >", "late ordered >"})
		s.same(pages, 3)
		told := s.drain()
		s.same(told[len(told)-2:], []string{"pause cart/late", "migrate cart/late"})
		s.same(told[len(told)-3], "start cart/late")
	})
}

// What an enrollment goes over to must not be dropped meanwhile.
func TestReleaseKeepsWhatAMoveNeeds(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes(
			[]*journey.Definition{cart(func(d *journey.Definition) { d.Steps = d.Steps[:1]; d.Steps[0].Next = journey.End; fixArms(d) })},
			reminder(),
		)
		s.enters("ana", nil)
		next := cart()
		s.publishes([]*journey.Definition{next}, reminder())
		s.same(s.migrates(enrollment.Migration{}), []string{"ana ordered >"})
		_, err := s.Catalog.Publish(s.ctx, noon, content([]*journey.Definition{cart(renewed)}))
		var dropped *catalog.DroppedError
		if !errors.As(err, &dropped) {
			s.T.Fatalf("got %v, want a DroppedError", err)
		}
		s.same(dropped.Missing, []string{`message "reminder", named by journey cart (revision ` + next.Revision() + `, 1 open)`})
	})
}

func fixArms(d *journey.Definition) {
	d.Steps[0].Spec = &journey.WaitFor{
		Arms:      []journey.EventArm{{Events: []string{"Cart Viewed"}, Then: journey.End}},
		Timeout:   time.Hour,
		OnTimeout: journey.End,
	}
}

// Events that race a move are heard, whichever comes first.
func TestEventRacesAMove(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()}, reminder())
		var all []unit.Enrollment
		for i := range 16 {
			e := s.enters(fmt.Sprint("c", i), nil)
			s.parks(e, "response", 1)
			all = append(all, e)
		}
		next := cart(renewed)
		s.publishes([]*journey.Definition{next}, reminder())
		s.same(len(s.migrates(enrollment.Migration{Renamed: map[string]string{"response": "answer"}})), 16)
		s.drain()
		done := make(chan error, 32)
		for i, e := range all {
			go func() {
				_, err := s.Enrollments.RecordMigration(s.ctx, noon, contract.Move{Ref: ref(e), To: next.Revision(), Step: "answer"})
				done <- err
			}()
			go func() {
				_, err := s.Intake.Ingest(
					s.ctx,
					noon,
					[]customer.SegmentCall{
						{
							Type:       "track",
							MessageID:  fmt.Sprint("race", i),
							UserID:     e.Customer,
							Event:      "Answered",
							Properties: props{"mood": "good"},
						},
					},
				)
				done <- err
			}()
		}
		for range 32 {
			s.must(<-done)
		}
		heard := 0
		for _, l := range s.lease() {
			for _, d := range l.Deliveries {
				s.same(d.Delivery.Event.Properties, props{"mood": "good"})
				heard++
			}
		}
		s.same(heard, 16)
	})
}
