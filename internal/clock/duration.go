package clock

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// MaxDuration bounds durations: about 100 years.
const MaxDuration = 100 * 365 * 24 * time.Hour

var errDuration = errors.New(`a duration is written like 90s, 15m, 2h, 3d, 1w or 1h30m`)

// units of durations, largest first. A compound uses them in this order, each at most once.
var units = []struct {
	letter byte
	length time.Duration
}{{'w', 7 * 24 * time.Hour}, {'d', 24 * time.Hour}, {'h', time.Hour}, {'m', time.Minute}, {'s', time.Second}}

// ParseDuration parses durations such as 90s, 15m, 2h, 3d, 1w, and compounds such as 1h30m or 2d12h. A day is 24 h.
// Durations are not negative and at most MaxDuration.
func ParseDuration(text string) (time.Duration, error) {
	if text == "" {
		return 0, errDuration
	}
	var total time.Duration
	unit := 0
	for rest := text; rest != ""; {
		digits := 0
		number := int64(0)
		for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
			if number > math.MaxInt32 {
				return 0, errors.New("the duration is longer than 100 years")
			}
			number = number*10 + int64(rest[digits]-'0')
			digits++
		}
		if digits == 0 || digits == len(rest) {
			return 0, errDuration
		}
		for unit < len(units) && units[unit].letter != rest[digits] {
			unit++
		}
		if unit == len(units) {
			return 0, errDuration
		}
		if number > int64(MaxDuration/units[unit].length) {
			return 0, errors.New("the duration is longer than 100 years")
		}
		total += time.Duration(number) * units[unit].length
		unit++
		rest = rest[digits+1:]
	}
	if total > MaxDuration {
		return 0, errors.New("the duration is longer than 100 years")
	}
	return total, nil
}

// FormatDuration formats d in the journey language: 1w, 2d12h, 1h30m. It drops fractions of a second.
func FormatDuration(d time.Duration) string {
	if d < 0 {
		return "-" + FormatDuration(-d)
	}
	var out strings.Builder
	for _, u := range units {
		if n := d / u.length; n > 0 {
			out.WriteString(strconv.FormatInt(int64(n), 10))
			out.WriteByte(u.letter)
			d -= n * u.length
		}
	}
	if out.Len() == 0 {
		return "0s"
	}
	return out.String()
}
