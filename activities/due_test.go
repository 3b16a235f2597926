package activities

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/store"
	"github.com/tabi-journeys/tabi/workflows"
)

// A time-out that is noticed late, since nobody was there to notice it, waits for what came until now, not only until it was due: the event may be on its
// way again to a run that had taken it in a task that was lost.
func TestALateTimeoutWaitsForWhatCameMeanwhile(t *testing.T) {
	b := setup(t, nil)
	due := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	if _, err := b.store.Ingest(t.Context(), due.Add(time.Minute), []store.Call{{Type: "track", MessageID: "b1", UserID: "ana", Event: "Bought"}}); err != nil {
		t.Fatal(err)
	}
	for late, want := range map[time.Duration][]string{0: nil, 59 * time.Second: nil, time.Minute: {"b1"}, time.Hour: {"b1"}} {
		b.activities.cfg.Now = func(journey.Clock) time.Time { return due.Add(late) }
		got, err := b.activities.Due(t.Context(), workflows.Due{Ref: b.ref, At: due})
		if err != nil || !cmp.Equal(got.OnTheirWay, want) {
			t.Errorf("%s late: %v, %v, want %v", late, got.OnTheirWay, err, want)
		}
	}
}
