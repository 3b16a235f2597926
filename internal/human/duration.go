package human

import (
	"fmt"
	"strconv"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// Duration formats d in days, hours, minutes and seconds, without fractions of a second: 30d is clearer than 4w2d.
func Duration(d time.Duration) string {
	if d < 0 {
		return "-" + Duration(-d)
	}
	const day = 24 * time.Hour
	switch days, rest := d/day, d%day; {
	case days > 0 && rest == 0:
		return strconv.FormatInt(int64(days), 10) + "d"
	case days > 0:
		return strconv.FormatInt(int64(days), 10) + "d" + clock.FormatDuration(rest)
	}
	return clock.FormatDuration(d)
}

// RoughDuration formats a positive d for a sentence, rounded down to its two largest units: "2 d 3 h", "5 min", "12 s".
func RoughDuration(d time.Duration) string {
	days, rest := d/(24*time.Hour), d%(24*time.Hour)
	hours, minutes, seconds := rest/time.Hour, rest%time.Hour/time.Minute, rest%time.Minute/time.Second
	switch {
	case days >= 10, days > 0 && hours == 0:
		return fmt.Sprintf("%d d", days)
	case days > 0:
		return fmt.Sprintf("%d d %d h", days, hours)
	case hours > 0 && minutes > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes)
	case hours > 0:
		return fmt.Sprintf("%d h", hours)
	case minutes > 0:
		return fmt.Sprintf("%d min", minutes)
	}
	return fmt.Sprintf("%d s", seconds)
}
