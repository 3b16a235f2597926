package ingest_test

import (
	"testing"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/limits"
	"github.com/tabi-journeys/tabi/internal/unit"
)

func TestAssign(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		updated := enginetest.Cart(enginetest.Named("updated"), func(d *journey.Definition) {
			d.Entry.Events, d.Entry.When = []string{"Customer Updated"}, `customer.stage == "won"`
		})
		listens := enginetest.Cart(func(d *journey.Definition) {
			d.Exit = []journey.ExitRule{{Events: []string{"Customer Updated"}, Outcome: "x"}}
		})
		s.Publish([]*journey.Definition{updated, listens})
		e := s.Enter("ana", nil)
		for range 2 {
			s.Must(
				s.Intake.Assign(
					s.Ctx,
					enginetest.Noon,
					enginetest.Ref(e),
					e.ID+"/set/1",
					enginetest.Props{"stage": "won", "deep": enginetest.Props{"a": 1}},
				),
			)
		}
		s.Equal(s.Drain(), []string{"event Customer Updated cart/ana", "start updated/ana"})
		s.Equal(s.Customer("ana").Traits, enginetest.Props{"stage": "won", "deep": enginetest.Props{"a": 1.0}})
		other := enginetest.Ref(e)
		other.Chain = "another"
		s.WantError(s.Intake.Assign(s.Ctx, enginetest.Noon, other, "k", enginetest.Props{"x": 1}), unit.ErrSuperseded)
	})
}

func TestAssignDepthIsLimited(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		s.Publish([]*journey.Definition{enginetest.Cart(func(d *journey.Definition) {
			d.Entry.Events, d.Entry.Reentry = []string{"Customer Updated"}, journey.ReentryAlways
		})})
		s.Ingest(enginetest.Noon, s.Identify("ana", enginetest.Props{"n": 0}))
		links := 0
		for links < 100 {
			l := s.Lease()
			if len(l) == 0 {
				break
			}
			links++
			e := l[0].Enrollment
			s.Must(s.Outbox.Delivered(s.Ctx, l[0], l[0].Deliveries[0].Seq))
			err := s.Intake.Assign(s.Ctx, enginetest.Noon, enginetest.Ref(e), e.ID+"/set/1", enginetest.Props{"n": links})
			wantOver(s, err, limits.ChainReaction, links > customer.MaxDepth)
			s.End(e, "completed", enginetest.Noon)
		}
		s.Equal(links, customer.MaxDepth+1)
	})
}
