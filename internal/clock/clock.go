// Package clock is the only place that reads the wall clock. All other code takes a time, or a Clock that maps wall
// time to virtual time. It also parses and formats durations of the journey language. It imports no other package of
// this module.
package clock

import "time"

// Wall returns the current wall time, in UTC.
func Wall() time.Time { return time.Now().UTC() }

// Now returns the current virtual time of c.
func Now(c Clock) time.Time { return c.At(time.Now()) }
