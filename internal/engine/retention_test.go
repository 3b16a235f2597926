package engine_test

import (
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// What is old is deleted, and what an open enrollment and the rules of re-entry need stays.
func TestRetentionKeepsWhatIsNeeded(t *testing.T) {
	enginetest.Each(t, func(s *enginetest.Suite) {
		once := enginetest.Cart(func(d *journey.Definition) { d.Journey, d.Entry.Reentry = "once", journey.ReentryNever })
		s.Publish([]*journey.Definition{enginetest.Cart(), once}, enginetest.Reminder())
		at := func(user, name string, when time.Time) customer.SegmentCall {
			c := s.Track(user, name, nil)
			c.MessageID, c.Timestamp = user+name+when.String(), when
			return c
		}
		s.Ingest(enginetest.Noon, at("ana", "Page Viewed", enginetest.Noon), at("ben", "Page Viewed", enginetest.Noon))
		visitor := at("", "Page Viewed", enginetest.Noon)
		visitor.AnonymousID = "a7"
		s.Ingest(enginetest.Noon, visitor)
		for _, user := range []string{"ana", "ben"} {
			s.Ingest(enginetest.Noon.Add(time.Hour), at(user, "Cart Updated", enginetest.Noon.Add(time.Hour)))
		}
		open, err := s.Enrollments.List(s.Ctx, enrollment.Filter{Customer: "ben"})
		s.Must(err)
		for _, e := range open {
			s.End(e, contract.Completed, enginetest.Noon.Add(2*time.Hour))
		}
		now := enginetest.Noon.Add(400 * enginetest.Day)
		before := now.Add(-365 * enginetest.Day)
		ids, err := s.Customers.Page(s.Ctx, "", 100)
		s.Must(err)
		s.Equal(len(ids), 3)
		gone, err := s.Customers.PruneEvents(s.Ctx, now, before, ids, 100)
		s.Must(err)
		s.Equal(len(gone), 4) // of ana, whose enrollments are open, only what was before the entry
		n, err := s.Enrollments.Prune(s.Ctx, now, before, ids, 100)
		s.Must(err)
		s.Equal(n, int64(1)) // ben may enter cart again anyway, and once never
		s.Equal(s.Ingest(now, at("ben", "Cart Updated", now))[0].Entered, []string{"cart/ben"})

		idle, err := s.Customers.IdleVisitors(s.Ctx, before, ids)
		s.Must(err)
		s.Equal(idle, []string{"anon:a7"})
		dropped, err := s.Erasure.DropVisitor(s.Ctx, now, idle[0])
		s.Must(err)
		s.Equal(dropped, true)
		ids, err = s.Customers.Page(s.Ctx, "", 100)
		s.Must(err)
		s.Equal(ids, []string{"ana", "ben"})

		for _, prune := range []func() (int64, error){
			func() (int64, error) { return s.Messages.Prune(s.Ctx, now, before, 10) },
			func() (int64, error) { return s.Handoffs.Prune(s.Ctx, before, ids, 10) },
			func() (int64, error) { return s.Offers.PruneOffers(s.Ctx, before, ids, 10) },
			func() (int64, error) { return s.Outbox.PruneDeadLetters(s.Ctx, before, 10) },
			func() (int64, error) { return s.Rejections.Prune(s.Ctx, before) },
		} {
			n, err := prune()
			s.Must(err)
			s.Equal(n, int64(0))
		}
		s.Must(s.Intents.PruneClassifications(s.Ctx, gone))

		// The figures know from the deleting transaction on, and what is deleted is not lost to the totals.
		totals, err := s.Analytics.Totals(s.Ctx)
		s.Must(err)
		s.Equal([]any{totals.Events, totals.Outcomes}, []any{int64(6), map[string]map[string]int64{
			"cart": {"completed": 1}, "once": {"completed": 1}}})
	})
}
