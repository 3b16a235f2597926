// Package clock is the only place that reads the wall clock. Everything else takes a time, or a Clock that maps
// wall time to virtual time. It also reads and writes durations as the language does. It imports nothing of this
// module.
package clock

import "time"

// Wall is the wall time, in UTC.
func Wall() time.Time { return time.Now().UTC() }

// Now is the virtual time of c at this moment.
func Now(c Clock) time.Time { return c.At(time.Now()) }
