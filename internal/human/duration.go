package human

import (
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
