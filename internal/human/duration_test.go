package human

import (
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		0: "0s", 90 * time.Second: "1m30s", day: "1d", 30 * day: "30d", 8*day + time.Hour: "8d1h", -36 * time.Hour: "-1d12h",
	} {
		if got := Duration(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}

func TestRoughDuration(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		12*time.Second + time.Millisecond: "12 s", 5*time.Minute + 59*time.Second: "5 min", 2 * time.Hour: "2 h",
		2*time.Hour + 3*time.Minute: "2 h 3 min", day + 4*time.Minute: "1 d", 2*day + 3*time.Hour: "2 d 3 h", 10*day + time.Hour: "10 d",
	} {
		if got := RoughDuration(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}
