package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Old decisions go, a page at a time, but those of enrollments that are open; young ones stay.
func TestOldDecisionsArePruned(t *testing.T) {
	each(t, func(s *suite) {
		s.brainy()
		e := s.enters("ana", nil)
		s.chooses(s.question(e, "open"), noon)
		for i := range 3 {
			_, err := s.Offers.DecideInbound(s.ctx, noon, offer.Inbound{UserID: "ben", Group: "offers", RequestID: fmt.Sprint("r", i)})
			s.must(err)
		}
		left := func() (keys []string) {
			all, err := s.Offers.Decisions(s.ctx, offer.DecisionFilter{})
			s.must(err)
			for _, d := range all {
				keys = append(keys, d.Key)
			}
			return keys
		}
		const keep = 400 * day
		n, more, err := s.Offers.PruneDecisions(s.ctx, noon.Add(keep), keep, 2)
		s.must(err)
		s.same([]any{n, more, len(left())}, []any{int64(0), false, 4})
		later := noon.Add(keep + time.Millisecond)
		for _, want := range [][]any{{int64(2), true}, {int64(1), false}, {int64(0), false}} {
			n, more, err = s.Offers.PruneDecisions(s.ctx, later, keep, 2)
			s.must(err)
			s.same([]any{n, more}, want)
		}
		s.same(left(), []string{"open"})
		s.ends(e, contract.Completed, later)
		n, _, err = s.Offers.PruneDecisions(s.ctx, later, keep, 2)
		s.must(err)
		s.same(n, int64(1))
	})
}

// Evidence goes when it is old and weighs nothing any more; what no event tells stays, and the scores are as they were.
func TestSpentEvidenceIsPruned(t *testing.T) {
	each(t, func(s *suite) {
		s.believes(wishes(func(all map[string]*journey.Intent) { all["buy-now"].HalfLife = 100 * day }))
		for _, id := range []string{"ana", "ben", "cem"} {
			s.ingest(noon, s.track(id, "Product Viewed", nil), s.track(id, "Call Ended", props{"wait_minutes": 20}))
		}
		s.must(s.Intake.SetIntents(s.ctx, noon, "cem", map[string]float64{"complaint": 0.5}))
		const keep = 400 * day
		later := noon.Add(keep + day)
		before := s.strengths(later, "ana")
		after, pruned, pages := "", int64(0), 0
		for {
			n, next, err := s.Intents.PruneEvidence(s.ctx, later, keep, after, 2)
			s.must(err)
			pruned, pages = pruned+n, pages+1
			if after = next; after == "" {
				break
			}
		}
		s.same([]any{pruned, pages}, []any{int64(2), 2}) // the complaints of ana and ben; what was viewed still weighs
		s.same(s.strengths(later, "ana"), before)
		var kept int
		s.must(s.Database.Reader.QueryRowContext(s.ctx, `select count(*) from intent_evidence`).Scan(&kept))
		s.same(kept, 4)
	})
}

func TestDecisionsAreCounted(t *testing.T) {
	each(t, func(s *suite) {
		s.brainy(func(c *journey.Content) { c.Actions["points"].Eligible = "false" })
		e := s.enters("ana", nil)
		s.chooses(s.question(e, "k"), noon)
		s.chooses(s.question(e, "k"), noon) // a repeat
		for _, in := range []offer.Inbound{{Group: "offers", RequestID: "r"}, {Group: "offers", RequestID: "r"},
			{Actions: []string{"points"}, RequestID: "n"}, {Group: "offers", Preview: true}} {
			in.UserID = "ana"
			_, err := s.Offers.DecideInbound(s.ctx, noon, in)
			s.must(err)
		}
		s.same(s.Offers.Decided(), map[offer.DecisionKind]int64{
			{Direction: "outbound", Outcome: "chosen"}:      1,
			{Direction: "inbound", Outcome: "chosen"}:       1,
			{Direction: "inbound", Outcome: "NOT_ELIGIBLE"}: 1,
		})
	})
}
