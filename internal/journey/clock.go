package journey

import "time"

// Clock maps wall time to the one virtual time that waits, limits, re-entry and `now` agree on.
// It is a value: it travels in workflow inputs and with calls to the store, and reads no clock itself
// (internal/clock does). The zero value is real time.
type Clock struct {
	// Origin is the virtual moment at which Epoch was on the wall.
	Origin time.Time `json:"origin,omitzero"`
	// Epoch is the wall moment at which virtual time was Origin.
	Epoch time.Time `json:"epoch,omitzero"`
	// Scale is virtual seconds per wall second; 0 and 1 are real speed.
	Scale float64 `json:"scale,omitempty"`
}

// speed is Scale with its default.
func (c Clock) speed() float64 {
	if c.Scale <= 0 {
		return 1
	}
	return c.Scale
}

// At gives the virtual time, in UTC, of a moment on the wall.
func (c Clock) At(wall time.Time) time.Time {
	if c.Origin.IsZero() && c.Epoch.IsZero() && c.speed() == 1 {
		return wall.UTC()
	}
	return c.Origin.Add(time.Duration(float64(wall.Sub(c.Epoch)) * c.speed())).UTC()
}

// Wall gives the moment on the wall at which virtual time is t.
func (c Clock) Wall(t time.Time) time.Time {
	if c.Origin.IsZero() && c.Epoch.IsZero() && c.speed() == 1 {
		return t.UTC()
	}
	return c.Epoch.Add(c.Real(t.Sub(c.Origin))).UTC()
}

// Real gives how long a virtual duration takes on the wall, rounded up to the millisecond so that a timer never fires before its moment.
func (c Clock) Real(d time.Duration) time.Duration {
	if c.speed() == 1 {
		return d
	}
	real := time.Duration(float64(d) / c.speed())
	if rest := real % time.Millisecond; rest > 0 {
		real += time.Millisecond - rest
	}
	return real
}
