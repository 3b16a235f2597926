package clock

import (
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	t.Parallel()
	epoch := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	origin := time.Date(2016, 11, 14, 0, 0, 0, 0, time.UTC)
	day := Clock{Origin: origin, Epoch: epoch, Scale: 86400}
	if got := day.At(epoch.Add(3 * time.Second)); !got.Equal(origin.AddDate(0, 0, 3)) {
		t.Errorf("three seconds on: %s", got)
	}
	if got := day.Wall(origin.AddDate(0, 0, 3)); !got.Equal(epoch.Add(3 * time.Second)) {
		t.Errorf("and back: %s", got)
	}
	if got := day.Real(36 * time.Hour); got != 1500*time.Millisecond {
		t.Errorf("a day and a half takes %s", got)
	}
	if got := day.Real(time.Minute); got != time.Millisecond {
		t.Errorf("a timer must not fire early: %s", got)
	}
	var real Clock
	if got := real.At(epoch); !got.Equal(epoch) || real.Real(time.Hour) != time.Hour || !real.Wall(epoch).Equal(epoch) {
		t.Error("the zero clock is not real time")
	}
}
