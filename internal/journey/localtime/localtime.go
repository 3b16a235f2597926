// Package localtime computes with times of day, days of the week and time zones.
package localtime

import (
	"fmt"
	"slices"
	"sort"
	"time"
)

// Time is a time of day, `HH:MM` or `HH:MM:SS`, without a time zone.
type Time string

// Weekdays are the days of the week as a journey writes them, Monday first.
var Weekdays = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

func weekday(d time.Weekday) string { return Weekdays[(int(d)+6)%7] }

// Parse returns the hour, minute and second.
func (l Time) Parse() (hour, minute, second int, err error) {
	for _, layout := range []string{"15:04", "15:04:05"} {
		if t, err := time.Parse(layout, string(l)); err == nil {
			return t.Hour(), t.Minute(), t.Second(), nil
		}
	}
	return 0, 0, 0, fmt.Errorf("%q is not a time of day: write HH:MM", string(l))
}

// Next returns the first moment after `after` at which the clocks of zone show l on one of days (empty: any day). It
// reports false if l is no time of day or days holds no day of the week.
//
// A local time is not a moment: when clocks change, a time of day may occur twice, or not at all, and a zone may skip a
// whole day. The invariant is that each calendar day has at most one such moment, in the order of the days, so that a
// daily schedule neither skips nor repeats a day because of summer time. The rules, for Europe/Berlin in 2026:
//
//   - 02:30 on 29 March does not exist (clocks jump from 02:00 to 03:00): the moment of the jump, 03:00 local, is used.
//   - 02:30 on 25 October occurs twice: the first one, still in summer time, is used.
//   - A skipped day (Samoa had no 30 December 2011) has no moment; the search goes to the next permitted day.
//
// time.Date resolves such times too, but its documentation does not guarantee which of the two offsets it uses, and a
// workflow must compute the same moment on every replay. onClock therefore finds the zone's changes itself.
//
// The search starts one day early, because the first occurrence of "yesterday's" time may still be ahead of after, and
// ends after two weeks, because the only permitted weekday may be the day that a zone skips.
func (l Time) Next(after time.Time, zone *time.Location, days []string) (at time.Time, ok bool) {
	hour, minute, second, err := l.Parse()
	if err != nil {
		return time.Time{}, false
	}
	local := after.In(zone)
	for n := -1; n <= 15; n++ { // two weeks: the only permitted day of a week may be skipped
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

// onClock returns the first moment at which the clocks of zone show the date and time that clocks shows in UTC, or the
// moment at which they jump over it. It reports false if they jump over the whole day.
//
// It goes through the day before and the day after in periods of one offset, and takes the first in which the clocks show that
// time or a later one. time.Time.ZoneBounds would name the periods, but on the last day of a leap year it names an end
// that is past (Go 1.26), on which a loop hangs.
func onClock(clocks time.Time, zone *time.Location) (at time.Time, ok bool) {
	start := clocks.Add(-maxOffset).In(zone) // here the clocks of each zone show an earlier time, and a later one at the end
	for {
		_, offset := start.Zone()
		end, more := nextChange(start, clocks.Add(maxOffset), offset)
		at = clocks.Add(-time.Duration(offset) * time.Second)
		switch {
		case at.Before(start):
			day := clocks.Format(time.DateOnly)
			return start, start.Format(time.DateOnly) == day || start.Add(-time.Nanosecond).Format(time.DateOnly) == day
		case !more || at.Before(end):
			return at, true
		}
		start = end
	}
}

// maxOffset is more than any zone's offset from UTC.
const maxOffset = 24 * time.Hour

// nextChange returns the first moment after start at which the zone's offset is another one, to the second. It reports false
// if there is none before end.
func nextChange(start, end time.Time, offset int) (time.Time, bool) {
	const step = 6 * time.Hour // no zone changes twice in that time
	same := func(t time.Time) bool {
		_, now := t.Zone()
		return now == offset
	}
	for before := start; before.Before(end); before = before.Add(step) {
		if same(before.Add(step)) {
			continue
		}
		n := sort.Search(int(step/time.Second), func(n int) bool { return !same(before.Add(time.Duration(n) * time.Second)) })
		return before.Add(time.Duration(n) * time.Second), true
	}
	return time.Time{}, false
}

// Midnight returns the first moment of a calendar day in zone, given as 2026-05-04. Where the clocks jump over midnight
// (Santiago, Beirut, the Azores), it is the moment of the jump, at which the day begins there; a midnight that comes twice
// is the first; a day that the zone skips begins with the next one. It reports false if date is no date.
func Midnight(date string, zone *time.Location) (time.Time, bool) {
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return time.Time{}, false
	}
	at, _ := onClock(day, zone)
	return at.UTC(), true
}

// Moment reads a text as a moment: RFC 3339 (2026-05-04T09:00:00+09:00), or a date, which is its Midnight in zone. It reports
// false for any other text. Nothing else in tabi turns a text of a customer or a designer into a moment.
func Moment(text string, zone *time.Location) (time.Time, bool) {
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at.UTC(), true
	}
	return Midnight(text, zone)
}

// WindowStart returns when a window of length per began that ends at `at`. A window of whole days is measured by the clock too:
// it begins at the same time of day in one of zones if that is later. So "once a day" allows 09:00 every morning, also on the day
// that the change to summer time leaves 23 hours. It never begins earlier than per before.
func WindowStart(at time.Time, per time.Duration, zones ...*time.Location) time.Time {
	start := at.Add(-per)
	days := int(per / (24 * time.Hour))
	if days == 0 || per%(24*time.Hour) != 0 {
		return start
	}
	for _, zone := range zones {
		l := at.In(zone)
		clocks := time.Date(l.Year(), l.Month(), l.Day()-days, l.Hour(), l.Minute(), l.Second(), l.Nanosecond(), time.UTC)
		if same, ok := onClock(clocks, zone); ok && same.After(start) && same.Before(at) {
			start = same
		}
	}
	return start
}
