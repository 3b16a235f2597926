package segment

import (
	"math"
	"time"
)

// maxSkew is the largest clock difference between client and gateway that is corrected. A larger one means that old events are
// imported.
const maxSkew = 24 * time.Hour

// when corrects a timestamp by the client's clock, as Segment does: what counts is how long before sending the event happened.
// With a scaled clock, the time of a client that lives in wall time is converted to virtual time. The future is clamped to now.
func (h *Handlers) when(timestamp, sentAt time.Time) time.Time {
	now := h.Now()
	if timestamp.IsZero() {
		return time.Time{} // the store uses now
	}
	if !sentAt.IsZero() {
		age := max(sentAt.Sub(timestamp), 0)
		switch {
		case near(sentAt, h.Wall()):
			scale := h.clock.Scale
			if scale <= 0 {
				scale = 1
			}
			timestamp = now.Add(-time.Duration(min(float64(age)*scale, math.MaxInt64/2)))
		case near(sentAt, now):
			timestamp = now.Add(-age)
		}
	}
	if timestamp.After(now) {
		return now
	}
	return timestamp
}

func near(a, b time.Time) bool { return a.Sub(b).Abs() <= maxSkew }
