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

// parse reads hours, minutes and seconds.
func (l LocalTime) parse() (hour, minute, second int, err error) {
	for _, layout := range []string{"15:04", "15:04:05"} {
		if t, err := time.Parse(layout, string(l)); err == nil {
			return t.Hour(), t.Minute(), t.Second(), nil
		}
	}
	return 0, 0, 0, fmt.Errorf("%q is no time of day: write HH:MM", string(l))
}

// Next is the first moment behind after at which the clocks of zone show l on one of days (empty: any). A time that the change to summer time skips
// is the next that exists; one that comes twice is the first. ok is false where l is no time of day or no day is one of the week.
func (l LocalTime) Next(after time.Time, zone *time.Location, days []string) (at time.Time, ok bool) {
	hour, minute, second, err := l.parse()
	if err != nil {
		return time.Time{}, false
	}
	local := after.In(zone)
	for n := -1; n <= 8; n++ {
		day := time.Date(local.Year(), local.Month(), local.Day()+n, 12, 0, 0, 0, time.UTC)
		if len(days) > 0 && !slices.Contains(days, weekday(day.Weekday())) {
			continue
		}
		if at := onClock(day, hour, minute, second, zone); at.After(after) {
			return at, true
		}
	}
	return time.Time{}, false
}

// onClock is the first moment at which the clocks of zone show a time on a day, or the moment at which they jump over it.
func onClock(day time.Time, hour, minute, second int, zone *time.Location) time.Time {
	naive := time.Date(day.Year(), day.Month(), day.Day(), hour, minute, second, 0, time.UTC)
	var best time.Time
	_, before := naive.Add(-36 * time.Hour).In(zone).Zone()
	_, behind := naive.Add(36 * time.Hour).In(zone).Zone()
	for _, offset := range []int{before, behind} {
		at := naive.Add(-time.Duration(offset) * time.Second)
		_, have := at.In(zone).Zone()
		if have == offset && (best.IsZero() || at.Before(best)) {
			best = at
		}
	}
	if !best.IsZero() {
		return best
	}
	// Skipped: the clocks jump between the moments that the two offsets give.
	low, high := naive.Add(-time.Duration(behind)*time.Second), naive.Add(-time.Duration(before)*time.Second)
	if low.After(high) {
		low, high = high, low
	}
	_, from := low.In(zone).Zone()
	for high.Sub(low) > time.Second {
		middle := low.Add(high.Sub(low) / 2)
		if _, offset := middle.In(zone).Zone(); offset == from {
			low = middle
		} else {
			high = middle
		}
	}
	return high.Truncate(time.Second)
}
