// Package clock is the only place that reads the wall clock. Everything else takes a time, or a journey.Clock
// that maps wall time to virtual time.
package clock

import (
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// Wall is the wall time, in UTC.
func Wall() time.Time { return time.Now().UTC() }

// Now is the virtual time of c at this moment.
func Now(c journey.Clock) time.Time { return c.At(time.Now()) }
