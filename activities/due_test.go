package activities

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// A time-out that is noticed late waits for what came before it was due, and for nothing that came since: that
// is for the step after it.
func TestLateTimeoutWaitsForEarlierEvents(t *testing.T) {
	b := setup(t, nil)
	due := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	for id, at := range map[string]time.Duration{"b1": -time.Minute, "b2": time.Minute} {
		if _, err := b.store.Intake.Ingest(t.Context(), due.Add(at),
			[]customer.SegmentCall{{Type: "track", MessageID: id, UserID: "ana", Event: "Bought"}}); err != nil {
			t.Fatal(err)
		}
	}
	b.activities.cfg.Now = func(clock.Clock) time.Time { return due.Add(time.Hour) }
	got, err := b.activities.Due(t.Context(), contract.Due{Ref: b.ref, At: due})
	if want := []string{"b1"}; err != nil || !cmp.Equal(got.OnTheirWay, want) {
		t.Errorf("%v, %v, want %v", got.OnTheirWay, err, want)
	}
}
