package localtime

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func mustZone(t interface{ Fatal(...any) }, name string) *time.Location {
	zone, ok := Zone(name)
	if !ok {
		t.Fatal("there is no time zone", name)
	}
	return zone
}

func TestNext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ why, zone, at, days, after, want string }{
		{"later today", "Asia/Tokyo", "09:00", "", "2026-03-02T08:00:00+09:00", "2026-03-02T09:00:00+09:00"},
		{"now is past", "Asia/Tokyo", "09:00", "", "2026-03-02T09:00:00+09:00", "2026-03-03T09:00:00+09:00"},
		{"a second before", "Asia/Tokyo", "09:00", "", "2026-03-02T08:59:59+09:00", "2026-03-02T09:00:00+09:00"},
		{"to the second", "Asia/Tokyo", "09:00:30", "", "2026-03-02T09:00:00+09:00", "2026-03-02T09:00:30+09:00"},
		{"the customer's day, not UTC's", "Asia/Tokyo", "01:00", "", "2026-03-02T16:30:00Z", "2026-03-04T01:00:00+09:00"},
		{"a day of the week", "Asia/Tokyo", "09:00", "mon", "2026-03-02T09:00:00+09:00", "2026-03-09T09:00:00+09:00"},
		{"the nearest of several days", "Asia/Tokyo", "09:00", "mon thu", "2026-03-03T00:00:00+09:00", "2026-03-05T09:00:00+09:00"},
		{"today is permitted", "Asia/Tokyo", "09:00", "mon", "2026-03-02T00:00:00+09:00", "2026-03-02T09:00:00+09:00"},
		{"the zone's weekday", "Asia/Tokyo", "00:30", "tue", "2026-03-02T15:00:00Z", "2026-03-03T00:30:00+09:00"},
		{"over the year", "Asia/Tokyo", "09:00", "fri", "2026-12-31T10:00:00+09:00", "2027-01-01T09:00:00+09:00"},
		{"the last day of a leap year", "Europe/Berlin", "09:00", "", "2028-12-30T10:00:00+01:00", "2028-12-31T09:00:00+01:00"},
		{"the last hours of a leap year", "America/New_York", "23:59", "", "2028-12-31T20:00:00-05:00", "2028-12-31T23:59:00-05:00"},
		{"the first day after a leap year", "America/New_York", "00:00", "", "2028-12-31T20:00:00-05:00", "2029-01-01T00:00:00-05:00"},
		{"leap day", "UTC", "09:00", "", "2028-02-28T10:00:00Z", "2028-02-29T09:00:00Z"},

		{"skipped: the next that exists", "Europe/Berlin", "02:30", "", "2026-03-28T12:00:00+01:00", "2026-03-29T03:00:00+02:00"},
		{"skipped: its beginning", "Europe/Berlin", "02:00", "", "2026-03-28T12:00:00+01:00", "2026-03-29T03:00:00+02:00"},
		{"skipped: its end exists", "Europe/Berlin", "03:00", "", "2026-03-28T12:00:00+01:00", "2026-03-29T03:00:00+02:00"},
		{"skipped, and past: the next day", "Europe/Berlin", "02:30", "", "2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"},
		{"the day of the change, behind it", "Europe/Berlin", "09:00", "", "2026-03-29T00:00:00+01:00", "2026-03-29T09:00:00+02:00"},
		{"twice: the first", "Europe/Berlin", "02:30", "", "2026-10-24T12:00:00+02:00", "2026-10-25T02:30:00+02:00"},
		{"twice, between them: used once", "Europe/Berlin", "02:30", "", "2026-10-25T02:45:00+02:00", "2026-10-26T02:30:00+01:00"},
		{"twice, at the second: used once", "Europe/Berlin", "02:30", "", "2026-10-25T02:15:00+01:00", "2026-10-26T02:30:00+01:00"},
		{"the end of the hour that comes twice", "Europe/Berlin", "03:00", "", "2026-10-25T02:59:00+02:00", "2026-10-25T03:00:00+01:00"},
		{"New York skips", "America/New_York", "02:15", "sun", "2026-03-07T12:00:00-05:00", "2026-03-08T03:00:00-04:00"},
		{"New York twice", "America/New_York", "01:30", "sun", "2026-10-31T12:00:00-04:00", "2026-11-01T01:30:00-04:00"},
		{"half an hour skipped", "Australia/Lord_Howe", "02:15", "", "2026-10-03T12:00:00+10:30", "2026-10-04T02:30:00+11:00"},
		{"behind the half hour", "Australia/Lord_Howe", "02:30", "", "2026-10-03T12:00:00+10:30", "2026-10-04T02:30:00+11:00"},
		{"half an hour twice", "Australia/Lord_Howe", "01:45", "", "2026-04-04T12:00:00+11:00", "2026-04-05T01:45:00+11:00"},
		{"a day begins at one", "America/Asuncion", "00:30", "", "2024-10-05T12:00:00-04:00", "2024-10-06T01:00:00-03:00"},
		{"midnight is skipped", "Africa/Cairo", "00:00", "fri", "2026-04-23T12:00:00+02:00", "2026-04-24T01:00:00+03:00"},
		{"the last hour of a day is skipped", "America/Nuuk", "23:30", "sat", "2024-03-30T12:00:00-02:00", "2024-03-31T00:00:00-01:00"},
		{"the last hour comes twice", "America/Nuuk", "23:30", "", "2024-10-26T12:00:00-01:00", "2024-10-26T23:30:00-01:00"},
		{"a day that was left out", "Pacific/Apia", "09:00", "", "2011-12-29T12:00:00-10:00", "2011-12-31T09:00:00+14:00"},
		{"its weekday comes a week later", "Pacific/Apia", "09:00", "fri", "2011-12-29T12:00:00-10:00", "2012-01-06T09:00:00+14:00"},
		{"also from the week before", "Pacific/Apia", "09:00", "fri", "2011-12-23T12:00:00-10:00", "2012-01-06T09:00:00+14:00"},
		{"a day that came twice", "Pacific/Kwajalein", "09:00", "", "1993-08-20T12:00:00-12:00", "1993-08-22T09:00:00+12:00"},
		{"before Ramadan", "Africa/Casablanca", "02:30", "", "2026-02-14T12:00:00+01:00", "2026-02-15T02:30:00+01:00"},
		{"after Ramadan", "Africa/Casablanca", "02:30", "", "2026-03-21T12:00:00Z", "2026-03-22T03:00:00+01:00"},
		{"a quarter of an hour", "Asia/Kathmandu", "09:00", "", "2026-03-02T03:14:59Z", "2026-03-02T09:00:00+05:45"},
		{"far in the east", "Pacific/Kiritimati", "09:00", "tue", "2026-03-02T18:00:00Z", "2026-03-03T09:00:00+14:00"},
	} {
		after, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		at, ok := Time(c.at).Next(after, mustZone(t, c.zone), strings.Fields(c.days))
		if got := at.In(mustZone(t, c.zone)).Format(time.RFC3339); !ok || got != c.want {
			t.Errorf("%s: %s %s in %s behind %s is %s (%v), want %s", c.why, c.at, c.days, c.zone, c.after, got, ok, c.want)
		}
	}
	for _, bad := range []Time{"", "24:00", "9", "09:60", "noon", "09:00:60", "-1:00"} {
		if at, ok := bad.Next(time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC), time.UTC, nil); ok {
			t.Errorf("%q is %s", bad, at)
		}
	}
	if at, ok := Time("09:00").Next(time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC), time.UTC, []string{"monday"}); ok {
		t.Errorf("monday, which is no day, is %s", at)
	}
}

// TestNextMatchesSearch compares the answer with a minute-by-minute search.
func TestNextMatchesSearch(t *testing.T) {
	t.Parallel()
	zones := rapid.SampledFrom(
		[]string{
			"Europe/Berlin",
			"America/New_York",
			"Australia/Lord_Howe",
			"Asia/Tokyo",
			"Pacific/Apia",
			"Africa/Casablanca",
			"America/Nuuk",
			"Africa/Cairo",
			"UTC",
		},
	)
	rapid.Check(t, func(t *rapid.T) {
		zone := mustZone(t, zones.Draw(t, "zone"))
		after := time.Date(2011, 1, 1, 0, 0, 0, 0, time.UTC).
			Add(time.Duration(rapid.IntRange(0, 20*365*24*60).Draw(t, "minute")) * time.Minute)
		clock := time.Date(2000, 1, 1, 0, rapid.IntRange(0, 24*60-1).Draw(t, "clock"), 0, 0, time.UTC).Format("15:04")
		days := rapid.SliceOfNDistinct(rapid.SampledFrom(Weekdays), 0, 3, rapid.ID[string]).Draw(t, "days")
		at, ok := Time(clock).Next(after, zone, days)
		if !ok || !at.After(after) {
			t.Fatalf("%s behind %s is %s, %v", clock, after.In(zone), at, ok)
		}
		permitted := func(m time.Time) bool { return len(days) == 0 || slices.Contains(days, weekday(m.Weekday())) }
		for m := after.Add(time.Minute).In(zone); m.Before(at); m = m.Add(time.Minute) {
			if m.Format("15:04") != clock || !permitted(m) {
				continue
			}
			// Only the second occurrence of a repeated time may be skipped.
			first := false
			for back := time.Minute; back <= 25*time.Hour; back += time.Minute {
				if before := m.Add(-back); before.Format("15:04") == clock && before.YearDay() == m.YearDay() {
					first = true
				}
			}
			if !first {
				t.Fatalf("%s behind %s is %s, and %s was passed over", clock, after.In(zone), at, m)
			}
		}
		if at.In(zone).Format("15:04") == clock {
			if !permitted(at.In(zone)) {
				t.Fatalf("%s is on no permitted day", at.In(zone))
			}
			return
		}
		_, before := at.Add(-time.Second).In(zone).Zone()
		if _, offset := at.In(zone).Zone(); offset <= before {
			t.Fatalf("%s behind %s is %s, and nothing was skipped there", clock, after.In(zone), at.In(zone))
		}
	})
}
