package journey

import (
	"fmt"
	"slices"
	"time"
)

// LocalTime is a time of day, `HH:MM` or `HH:MM:SS`, in some time zone.
type LocalTime string

// Weekdays are the days of the week as a journey names them.
var Weekdays = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

// weekday is the name of a day.
func weekday(d time.Weekday) string { return Weekdays[(int(d)+6)%7] }

// Parse reads hours, minutes and seconds.
func (l LocalTime) Parse() (hour, minute, second int, err error) {
	for _, layout := range []string{"15:04", "15:04:05"} {
		if t, err := time.Parse(layout, string(l)); err == nil {
			return t.Hour(), t.Minute(), t.Second(), nil
		}
	}
	return 0, 0, 0, fmt.Errorf("%q is no time of day: write HH:MM", string(l))
}

// Next is the first moment behind after at which the clocks of zone show l on one of days (empty: any). A time
// that the change to summer time skips is the next that exists; one that comes twice is the first. A day that
// the calendar of zone leaves out does not come. ok is false where l is no time of day or no day is one of the
// week.
func (l LocalTime) Next(after time.Time, zone *time.Location, days []string) (at time.Time, ok bool) {
	hour, minute, second, err := l.Parse()
	if err != nil {
		return time.Time{}, false
	}
	local := after.In(zone)
	for n := -1; n <= 15; n++ { // two weeks: the one permitted day of a week may be left out
		clocks := time.Date(local.Year(), local.Month(), local.Day()+n, hour, minute, second, 0, time.UTC)
		if len(days) > 0 && !slices.Contains(days, weekday(clocks.Weekday())) {
			continue
		}
		if at, ok := onClock(clocks, zone); ok && at.After(after) {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

// onClock is the first moment at which the clocks of zone show what UTC's show at the moment clocks, or at
// which they jump over it; not ok where they jump over the whole day.
func onClock(clocks time.Time, zone *time.Location) (at time.Time, ok bool) {
	period := clocks.Add(-36 * time.Hour).In(zone) // no zone is that far from UTC
	for {
		_, offset := period.Zone()
		start, end := period.ZoneBounds()
		at = clocks.Add(-time.Duration(offset) * time.Second)
		switch {
		case !start.IsZero() && at.Before(start):
			day := clocks.Format(time.DateOnly)
			return start, start.Format(time.DateOnly) == day || start.Add(-time.Nanosecond).In(zone).Format(time.DateOnly) == day
		case end.IsZero() || at.Before(end):
			return at, true
		}
		period = end
	}
}
