package decisioning

import (
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// quietState is what quiet hours make of this moment.
type quietState struct {
	quiet bool
	until time.Time // zero: what comes now is dropped
}

// quietState asks the quiet hours, once. They are not for a customer who is there.
func (p *PolicyEvaluator) quietState() quietState {
	if p.quiet != nil {
		return *p.quiet
	}
	p.quiet = &quietState{}
	if policy := p.policy(); policy != nil && policy.QuietHours != nil && !p.st.Present {
		q := policy.QuietHours
		timezone, _ := p.st.Traits["timezone"].(string)
		p.quiet.until, p.quiet.quiet = Quiet(q, p.st.Now, QuietZone(q, timezone))
		if q.OnBlocked == journey.Drop {
			p.quiet.until = time.Time{}
		}
	}
	return *p.quiet
}

// QuietZone is the zone whose clocks quiet hours go by: the policy's own, else the customer's, else the
// policy's for customers without one, else UTC.
func QuietZone(q *journey.QuietHours, customer string) *time.Location {
	for _, name := range []string{q.Timezone, customer, q.MissingTimezone} {
		if zone, ok := journey.Zone(name); ok {
			return zone
		}
	}
	return time.UTC
}

// Quiet reports whether a moment is in quiet hours, and when these end. They begin when the clocks of zone show
// From and end when they next show To, which is no part of them; both as LocalTime.Next has it, so that a time
// that comes twice is the first and one that is skipped the next that exists. Where both are the same moment
// there are none: where the clocks skip them both, and where From is To.
func Quiet(q *journey.QuietHours, now time.Time, zone *time.Location) (until time.Time, quiet bool) {
	if q.From == q.To {
		return time.Time{}, false
	}
	// The latest beginning; three days back, since a zone may leave out a day of its calendar.
	var began time.Time
	for at, ok := q.From.Next(now.Add(-73*time.Hour), zone, nil); ok && !at.After(now); at, ok = q.From.Next(at, zone, nil) {
		began = at
	}
	if began.IsZero() {
		return time.Time{}, false
	}
	until, ok := q.To.Next(began.Add(-time.Nanosecond), zone, nil)
	return until, ok && until.After(now)
}
