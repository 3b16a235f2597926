package segment

import (
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
)

var instant = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

func TestTimes(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) time.Time { return instant.Add(d) }
	for _, c := range []struct {
		name            string
		clock           clock.Clock
		timestamp, sent time.Time
		want            time.Time
	}{
		{"none", clock.Clock{}, time.Time{}, at(0), time.Time{}},
		{"as it is", clock.Clock{}, at(-time.Hour), time.Time{}, at(-time.Hour)},
		{"a client two hours ahead", clock.Clock{}, at(119 * time.Minute), at(2 * time.Hour), at(-time.Minute)},
		{"a client two hours behind", clock.Clock{}, at(-121 * time.Minute), at(-2 * time.Hour), at(-time.Minute)},
		{"the future", clock.Clock{}, at(time.Hour), time.Time{}, at(0)},
		{"a log played again", clock.Clock{}, at(-1000 * time.Hour), at(-999 * time.Hour), at(-1000 * time.Hour)},
		{"sent before it happened", clock.Clock{}, at(time.Minute), at(0), at(0)},
		{"a scaled clock", clock.Clock{Origin: at(0), Epoch: at(0), Scale: 60}, at(-time.Minute), at(0), at(-time.Hour)},
		{"an old event on a fast clock", clock.Clock{Origin: at(0), Epoch: at(0), Scale: 86400}, at(-500000 * time.Hour), at(0),
			time.Time{}},
	} {
		now := func() time.Time { return instant }
		h := &Handlers{Env: &web.Env{Now: now, Wall: now}, clock: c.clock}
		got := h.when(c.timestamp, c.sent)
		if c.name == "an old event on a fast clock" {
			if !got.Before(instant) {
				t.Errorf("%s: %s", c.name, got)
			}
			continue
		}
		if !got.Equal(c.want) {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}
