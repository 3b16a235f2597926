package clock

import (
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"90s": 90 * time.Second, "15m": 15 * time.Minute, "2h": 2 * time.Hour,
		"3d": 72 * time.Hour, "1w": 168 * time.Hour,
		"1h30m": 90 * time.Minute, "2d12h": 60 * time.Hour, "0s": 0, "5200w": 5200 * 168 * time.Hour} {
		got, err := ParseDuration(text)
		if err != nil || got != want {
			t.Errorf("%s = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "h", "1", "1.5h", "-1h", "1h1h", "1m1h", " 1h", "1h ", "1ms", "1y", "1H", "9999999999d", "5300w",
		"１h"} {
		if d, err := ParseDuration(text); err == nil {
			t.Errorf("%q = %v", text, d)
		}
	}
	for d, want := range map[time.Duration]string{0: "0s", 90 * time.Minute: "1h30m", 9 * 24 * time.Hour: "1w2d", -48 * time.Hour: "-2d",
		time.Millisecond: "0s"} {
		if got := FormatDuration(d); got != want {
			t.Errorf("%v = %s, want %s", d, got, want)
		}
	}
}

func TestSuggestDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"3 days": "3d", "3days": "3d", "1 day": "1d", "a week": "1w", "an hour": "1h", "2 hours": "2h", "1.5h": "1h30m", "1m1h": "1h1m",
		"1 hour 30 minutes": "1h30m", "1 hour and 30 minutes": "1h30m", "1h 30m": "1h30m", "1H": "1h", "PT2H": "2h", "P3D": "3d",
		"P1DT12H": "1d12h", "３日": "3d", "2時間30分": "2h30m", "1週間": "1w", "90 Min": "1h30m", "5-days": "5d",
		"soon": "", "1 month": "", "1y": "", "3": "", "": "", "day": "", "0 days": "", "9999999 weeks": "", "-3 days": "", "3 4 days": "",
	} {
		if got := SuggestDuration(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
