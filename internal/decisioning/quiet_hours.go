package decisioning

import (
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
)

// quietState is the result of the quiet hours at this moment.
type quietState struct {
	quiet bool
	until time.Time // when they end; zero: a send is dropped, not held
}

// quietState evaluates the quiet hours once. They do not apply to a present customer.
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

// QuietZone returns the time zone of the quiet hours: the policy's own, else the customer's, else the policy's
// missing_timezone, else UTC.
func QuietZone(q *journey.QuietHours, customer string) *time.Location {
	for _, name := range []string{q.Timezone, customer, q.MissingTimezone} {
		if zone, ok := localtime.Zone(name); ok {
			return zone
		}
	}
	return time.UTC
}

// Quiet reports whether now is within the quiet hours, and when they end.
//
// They begin when the local clock shows From and end when it next shows To; the end itself is no longer quiet. Both
// moments are those of localtime.Time.Next, which decides what a clock change does: a time that comes twice is the first,
// one that is skipped is the next that exists.
//
// Example: 21:00–08:00 in Asia/Tokyo. At 20:59 nothing is quiet; at 21:00 and at 07:59 sends are held until 08:00; at
// 08:00 they go. The window is found from its beginning, not by comparing clock times: From after To (over midnight)
// and From before To need no separate cases, and a window that a clock change shortens to nothing is no window.
//
// There are no quiet hours if From equals To, or if a clock change skips both to the same moment. See
// docs/decisions/0005.
func Quiet(q *journey.QuietHours, now time.Time, zone *time.Location) (until time.Time, quiet bool) {
	if q.From == q.To {
		return time.Time{}, false
	}
	// Find the latest beginning. Three days back is enough: a zone may skip a day of its calendar (Samoa, 2011).
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
