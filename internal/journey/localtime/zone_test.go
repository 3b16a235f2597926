package localtime

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Zones come from the embedded database, whatever the machine has, in any case; offsets are understood; "Local" is nobody's.
func TestZone(t *testing.T) {
	t.Setenv("ZONEINFO", filepath.Join(t.TempDir(), "none"))
	t.Setenv("TZ", "America/New_York")
	at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for name, want := range map[string]string{ // "zone, hour"; empty: unknown
		"Asia/Tokyo": "Asia/Tokyo 21:00", "asia/tokyo": "Asia/Tokyo 21:00", " Asia/Tokyo ": "Asia/Tokyo 21:00", "UTC": "UTC 12:00",
		"utc": "UTC 12:00", "Z": "UTC 12:00", "EST5EDT": "EST5EDT 08:00", "Etc/GMT-9": "Etc/GMT-9 21:00",
		"US/Eastern": "US/Eastern 08:00",
		"+09:00":     "+09:00 21:00", "+0900": "+09:00 21:00", "+9": "+09:00 21:00", "UTC+9": "+09:00 21:00", "GMT-3": "-03:00 09:00",
		"UTC+05:30": "+05:30 17:30", "-03:30": "-03:30 08:30", "−03:30": "-03:30 08:30", "02:00": "+02:00 14:00", "+00:00": "UTC 12:00",
		"Asia/Kathmandu": "Asia/Kathmandu 17:45", "Europe/Amsterdam": "Europe/Amsterdam 14:00",
		"Antarctica/Troll": "Antarctica/Troll 14:00",
		"Local":            "", "local": "", "": "", "Mars/Olympus": "", "Factory": "", "JST": "", "Tokyo Standard Time": "", "+24:00": "",
		"+81": "", "Europe": "", "../etc/passwd": "", "Asia/": "", "UTC+": "", "09:60": "",
	} {
		zone, ok := Zone(name)
		got := ""
		if ok {
			got = zone.String() + " " + at.In(zone).Format("15:04")
		}
		if got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
		if again, ok := Zone(got[:max(0, len(got)-6)]); got != "" && (!ok || again.String() != zone.String()) {
			t.Errorf("%q is stored as %q, which is read as %v", name, zone, again)
		}
	}
	for name, want := range map[string]bool{
		"Asia/Tokyo": true, "asia/tokyo": false, "+09:00": false, "UTC": true, "Local": false, "": false,
	} {
		if IANA(name) != want {
			t.Errorf("%q is an IANA name: %v", name, !want)
		}
	}
	for name, want := range map[string]string{"JST": "Asia/Tokyo", "Berlin": "Europe/Berlin", "new york": "America/New_York",
		"Tokyo Standard Time": "Asia/Tokyo", "W. Europe Standard Time": "Europe/Berlin", "+09:00": "Etc/GMT-9", "UTC-5": "Etc/GMT+5",
		"asia/tokyo": "Asia/Tokyo", "Asia/Toyko": "Asia/Tokyo", "Mars/Olympus Mons": "", "Local": "", "+05:30": ""} {
		if got := Suggest(name); got != want {
			t.Errorf("%q: did you mean %q, want %q", name, got, want)
		}
	}
}

// A day begins at the first moment that the clocks of the zone show its date.
func TestMidnight(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, date, want string }{
		{"America/Santiago", "2026-09-06", "2026-09-06T01:00:00-03:00"},
		{"America/Havana", "2026-03-08", "2026-03-08T01:00:00-04:00"},
		{"Atlantic/Azores", "2026-03-29", "2026-03-29T01:00:00Z"},
		{"Asia/Beirut", "2026-03-29", "2026-03-29T01:00:00+03:00"},
		{"Africa/Cairo", "2026-04-24", "2026-04-24T01:00:00+03:00"},
		{"America/Asuncion", "2024-10-06", "2024-10-06T01:00:00-03:00"},
		{"America/Scoresbysund", "2025-03-30", "2025-03-30T00:00:00-01:00"},
		{"America/Sao_Paulo", "2018-11-04", "2018-11-04T01:00:00-02:00"},
		{"America/Havana", "2026-11-01", "2026-11-01T00:00:00-04:00"}, // it comes twice
		{"Atlantic/Azores", "2026-10-25", "2026-10-25T00:00:00Z"},
		{"Pacific/Apia", "2011-12-30", "2011-12-31T00:00:00+14:00"}, // a day that was left out
		{"Asia/Tokyo", "2024-02-29", "2024-02-29T00:00:00+09:00"},
		{"+09:00", "2026-03-02", "2026-03-02T00:00:00+09:00"},
	} {
		zone := mustZone(t, c.zone)
		at, ok := Midnight(c.date, zone)
		if got := at.In(zone).Format(time.RFC3339); !ok || got != c.want {
			t.Errorf("%s in %s begins at %s (%v), want %s", c.date, c.zone, got, ok, c.want)
		}
	}
	for _, text := range []string{"", "2026-02-30", "2026/04/01", "2026-4-1", "tomorrow", "2026-04-01T00:00", "1775001600"} {
		if at, ok := Moment(text, time.UTC); ok {
			t.Errorf("%q is %s", text, at)
		}
	}
}

// In each zone and year, each day's midnight is the first moment of that day.
func TestMidnightBeginsTheDay(t *testing.T) {
	t.Parallel()
	for _, name := range sortedNames() {
		zone := mustZone(t, name)
		for day := time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2029; day = day.AddDate(0, 0, 1) { // a leap year
			date := day.Format(time.DateOnly)
			at, _ := Midnight(date, zone)
			first, before := at.In(zone).Format(time.DateOnly), at.Add(-time.Nanosecond).In(zone).Format(time.DateOnly)
			if first != date || before >= date {
				t.Fatalf("%s in %s begins at %s", date, name, at.In(zone))
			}
		}
	}
}

// copiedFrom is the Go release whose lib/time/zoneinfo.zip is embedded.
const copiedFrom = "go1.26.8"

// The database is that of the release named: copy lib/time/zoneinfo.zip again when the release changes.
func TestDatabase(t *testing.T) {
	t.Parallel()
	if runtime.Version() != copiedFrom {
		t.Skipf("this is %s; the database is that of %s", runtime.Version(), copiedFrom)
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	current, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Skip("the toolchain has no time zone database: ", err)
	}
	if !bytes.Equal(current, zoneinfo) {
		t.Errorf("%s has another time zone database: copy lib/time/zoneinfo.zip of its folder here", runtime.Version())
	}
}
