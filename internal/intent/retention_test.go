package intent_test

import (
	"testing"

	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
)

// Old evidence without weight is deleted. Scores that were set are kept, and scores do not change.
func TestSpentEvidenceIsPruned(t *testing.T) {
	each(t, func(s *suite) {
		s.publishIntents(shopIntents(func(all map[string]*journey.Intent) { all["buy-now"].HalfLife = 100 * enginetest.Day }))
		for _, id := range []string{"ana", "ben", "cem"} {
			s.Ingest(enginetest.Noon, s.Track(id, "Product Viewed", nil), s.Track(id, "Call Ended", enginetest.Props{"wait_minutes": 20}))
		}
		s.Must(s.Intake.SetIntents(s.Ctx, enginetest.Noon, "cem", map[string]float64{"complaint": 0.5}))
		const keep = 400 * enginetest.Day
		later := enginetest.Noon.Add(keep + enginetest.Day)
		before := s.strengths(later, "ana")
		pruned := int64(0)
		for _, page := range [][]string{{"ana", "ben"}, {"cem", "dan"}, nil} {
			n, err := s.Intents.PruneEvidence(s.Ctx, later, keep, page)
			s.Must(err)
			pruned += n
		}
		s.Equal(pruned, int64(2)) // the complaints of ana and ben; viewed products still have weight
		s.Equal(s.strengths(later, "ana"), before)
		var kept int
		s.Must(s.Database.Reader.QueryRowContext(s.Ctx, `select count(*) from intent_evidence`).Scan(&kept))
		s.Equal(kept, 4)
	})
}
