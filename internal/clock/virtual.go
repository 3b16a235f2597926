package clock

import (
	"math"
	"time"
)

// Clock maps wall time to virtual time, which all waits, limits, re-entry rules and `now` use. It is a value: it
// travels in workflow inputs and in calls to the store, and never reads a clock itself. The zero value is real time.
type Clock struct {
	// Origin is the virtual time at Epoch.
	Origin time.Time `json:"origin,omitzero"`
	// Epoch is the wall time at which virtual time was Origin.
	Epoch time.Time `json:"epoch,omitzero"`
	// Scale is the number of virtual seconds per wall second; 0 means 1.
	Scale float64 `json:"scale,omitempty"`
	// Slow, if set, replaces Scale: the number of wall units per virtual unit, computed exactly. Virtual time then
	// moves in whole milliseconds, each of which begins half a millisecond early, so that a simulation has wall time
	// before and after each virtual moment.
	Slow int64 `json:"slow,omitempty"`
}

// speed returns Scale with its default.
func (c Clock) speed() float64 {
	if c.Scale <= 0 {
		return 1
	}
	return c.Scale
}

// At returns the virtual time, in UTC, at a wall time.
func (c Clock) At(wall time.Time) time.Time {
	if c.Slow > 0 {
		seconds, nanos := wall.Unix()-c.Epoch.Unix(), int64(wall.Nanosecond()-c.Epoch.Nanosecond())
		rest := (seconds%c.Slow)*int64(time.Second) + nanos
		return c.Origin.Add(time.Duration(seconds/c.Slow)*time.Second + time.Duration(rest/c.Slow)).Round(time.Millisecond).UTC()
	}
	if c.Origin.IsZero() && c.Epoch.IsZero() && c.speed() == 1 {
		return wall.UTC()
	}
	return c.Origin.Add(time.Duration(float64(wall.Sub(c.Epoch)) * c.speed())).UTC()
}

// Wall returns the wall time at which virtual time is t.
func (c Clock) Wall(t time.Time) time.Time {
	if c.Slow > 0 {
		seconds, nanos := t.Unix()-c.Origin.Unix(), int64(t.Nanosecond()-c.Origin.Nanosecond())
		return time.Unix(c.Epoch.Unix()+seconds*c.Slow, int64(c.Epoch.Nanosecond())+nanos*c.Slow).UTC()
	}
	if c.Origin.IsZero() && c.Epoch.IsZero() && c.speed() == 1 {
		return t.UTC()
	}
	return c.Epoch.Add(c.Real(t.Sub(c.Origin))).UTC()
}

// Real returns the wall duration of a virtual duration, rounded up to the millisecond so that a timer never fires
// early.
func (c Clock) Real(d time.Duration) time.Duration {
	if c.Slow > 0 {
		if d > math.MaxInt64/time.Duration(c.Slow) {
			return math.MaxInt64
		}
		return d * time.Duration(c.Slow)
	}
	if c.speed() == 1 {
		return d
	}
	real := time.Duration(float64(d) / c.speed())
	if rest := real % time.Millisecond; rest > 0 {
		real += time.Millisecond - rest
	}
	return real
}

// Virtual returns the virtual duration of a wall duration.
func (c Clock) Virtual(d time.Duration) time.Duration {
	if c.Slow > 0 {
		return d / time.Duration(c.Slow)
	}
	return time.Duration(float64(d) * c.speed())
}

// Until returns the wall duration from wall to the virtual time t. It is at most 292 years, after which a waiter has to
// ask again.
func (c Clock) Until(wall, t time.Time) time.Duration {
	if c.Slow > 0 {
		return c.Wall(t).Sub(wall)
	}
	return c.Real(t.Sub(c.At(wall)))
}
