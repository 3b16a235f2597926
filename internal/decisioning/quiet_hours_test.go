package decisioning

import (
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
)

func TestQuiet(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, from, to, zone, now string
		want                      string // when they end; empty: not quiet
	}{
		{"before", "21:00", "08:00", "Asia/Tokyo", "2026-03-02T20:59:59+09:00", ""},
		{"at the beginning", "21:00", "08:00", "Asia/Tokyo", "2026-03-02T21:00:00+09:00", "2026-03-03T08:00:00+09:00"},
		{"before midnight", "21:00", "08:00", "Asia/Tokyo", "2026-03-02T23:59:59+09:00", "2026-03-03T08:00:00+09:00"},
		{"behind midnight", "21:00", "08:00", "Asia/Tokyo", "2026-03-03T00:00:00+09:00", "2026-03-03T08:00:00+09:00"},
		{"at the end", "21:00", "08:00", "Asia/Tokyo", "2026-03-03T08:00:00+09:00", ""},
		{"within one day", "12:00", "13:30", "Asia/Kathmandu", "2026-03-02T12:30:00+05:45", "2026-03-02T13:30:00+05:45"},
		{"the evening of such a day", "12:00", "13:30", "Asia/Kathmandu", "2026-03-02T20:00:00+05:45", ""},
		{"a zone of three quarters", "22:00", "06:15", "Asia/Kathmandu", "2026-03-02T18:00:00Z", "2026-03-03T06:15:00+05:45"},
		{"until midnight", "21:00", "00:00", "Asia/Tokyo", "2026-03-02T23:00:00+09:00", "2026-03-03T00:00:00+09:00"},
		{"from midnight", "00:00", "06:00", "Asia/Tokyo", "2026-03-02T00:00:00+09:00", "2026-03-02T06:00:00+09:00"},
		{"seconds", "21:00:30", "08:00:15", "Asia/Tokyo", "2026-03-02T21:00:29+09:00", ""},
		{"the same time twice", "21:00", "21:00", "Asia/Tokyo", "2026-03-02T22:00:00+09:00", ""},

		// Spring: 02:00 becomes 03:00 on 29 March in Berlin, on 8 March in New York.
		{"Berlin, the night of spring", "21:00", "08:00", "Europe/Berlin", "2026-03-29T00:30:00Z", "2026-03-29T08:00:00+02:00"},
		{"Berlin, an end that is skipped", "21:00", "02:30", "Europe/Berlin", "2026-03-29T01:30:00+01:00", "2026-03-29T03:00:00+02:00"},
		{"Berlin, an end that was skipped", "21:00", "02:30", "Europe/Berlin", "2026-03-29T03:00:00+02:00", ""},
		{"Berlin, a beginning that is skipped", "02:30", "08:00", "Europe/Berlin", "2026-03-29T03:00:00+02:00",
			"2026-03-29T08:00:00+02:00"},
		{"Berlin, before it", "02:30", "08:00", "Europe/Berlin", "2026-03-29T01:59:59+01:00", ""},
		{"Berlin, both are skipped", "02:15", "02:45", "Europe/Berlin", "2026-03-29T03:00:00+02:00", ""},
		{"Berlin, both are skipped, the hours behind", "02:15", "02:45", "Europe/Berlin", "2026-03-29T12:00:00+02:00", ""},
		{"New York, the night of spring", "22:00", "07:00", "America/New_York", "2026-03-08T06:59:00Z", "2026-03-08T07:00:00-04:00"},
		{"New York, an end that is skipped", "22:00", "02:00", "America/New_York", "2026-03-08T01:59:59-05:00",
			"2026-03-08T03:00:00-04:00"},

		// Autumn: 03:00 becomes 02:00 on 25 October in Berlin; 02:00 becomes 01:00 on 1 November in New York.
		{"Berlin, the night of autumn", "21:00", "08:00", "Europe/Berlin", "2026-10-25T03:00:00+01:00", "2026-10-25T08:00:00+01:00"},
		{"Berlin, the first of a repeated hour", "21:00", "02:30", "Europe/Berlin", "2026-10-25T02:15:00+02:00",
			"2026-10-25T02:30:00+02:00"},
		{"Berlin, the second of a repeated hour is behind the end", "21:00", "02:30", "Europe/Berlin", "2026-10-25T02:15:00+01:00", ""},
		{"Berlin, the second of a repeated hour is behind the beginning", "02:30", "08:00", "Europe/Berlin", "2026-10-25T02:15:00+01:00",
			"2026-10-25T08:00:00+01:00"},
		{"Berlin, before the beginning in a repeated hour", "02:30", "08:00", "Europe/Berlin", "2026-10-25T02:15:00+02:00", ""},
		{"Berlin, within a repeated hour", "02:15", "02:45", "Europe/Berlin", "2026-10-25T02:20:00+02:00", "2026-10-25T02:45:00+02:00"},
		{"Berlin, within it the second time", "02:15", "02:45", "Europe/Berlin", "2026-10-25T02:20:00+01:00", ""},
		{"New York, the night of autumn", "22:00", "07:00", "America/New_York", "2026-11-01T01:30:00-05:00", "2026-11-01T07:00:00-05:00"},
		{"New York, the second of a repeated hour", "01:30", "05:00", "America/New_York", "2026-11-01T01:10:00-05:00",
			"2026-11-01T05:00:00-05:00"},

		// Samoa had no 30 December 2011.
		{"a day that is left out", "21:00", "20:00", "Pacific/Apia", "2011-12-31T10:00:00+14:00", "2011-12-31T20:00:00+14:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			zone, ok := localtime.Zone(c.zone)
			if !ok {
				t.Fatal("no such zone")
			}
			now, err := time.Parse(time.RFC3339, c.now)
			if err != nil {
				t.Fatal(err)
			}
			until, quiet := Quiet(&journey.QuietHours{From: localtime.Time(c.from), To: localtime.Time(c.to)}, now, zone)
			got := ""
			if quiet {
				got = until.In(zone).Format(time.RFC3339)
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// What holds a send lets it go: at the end of quiet hours it is not quiet, and a moment before it is; on every
// quarter of a year and a half.
func TestQuietHoursEnd(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Asia/Tokyo", "Asia/Kathmandu", "Australia/Lord_Howe",
		"Pacific/Apia", "UTC"} {
		zone, _ := localtime.Zone(name)
		for _, q := range []journey.QuietHours{{From: "21:00", To: "08:00"}, {From: "01:30", To: "02:30"}, {From: "02:30", To: "01:45"}} {
			for now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); now.Year() == 2026; now = now.Add(45 * time.Minute) {
				until, quiet := Quiet(&q, now, zone)
				if !quiet {
					continue
				}
				if until.Sub(now) > 26*time.Hour {
					t.Fatalf("%s %s–%s: %s is held until %s", name, q.From, q.To, now, until)
				}
				if _, still := Quiet(&q, until, zone); still {
					t.Fatalf("%s %s–%s: still quiet at its end, %s", name, q.From, q.To, until)
				}
				if same, still := Quiet(&q, until.Add(-time.Millisecond), zone); !still || !same.Equal(until) {
					t.Fatalf("%s %s–%s: not quiet before its end, %s", name, q.From, q.To, until)
				}
			}
		}
	}
}
