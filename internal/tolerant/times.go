package tolerant

import (
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/number"
)

// Errors of Time.
var (
	errTime = errors.New("is not a time that can be read in one way only; send RFC 3339 (2026-03-02T10:00:00Z) or Unix milliseconds")
	errPast = errors.New("is before 1970")
	errYear = errors.New("is after the year 9999")
	errZone = errors.New("names its zone by letters, which mean different zones; send an offset such as +09:00")
)

// layouts are read after the normalization of Time. A time without a zone is UTC.
var layouts = []string{
	"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04:05",
	"2006-01-02T15:04Z07:00", "2006-01-02T15:04Z0700", "2006-01-02T15:04", "2006-01-02",
	"20060102T150405Z07:00", "20060102T150405Z0700", "20060102T150405",
}

// named are the layouts with names of days and months: HTTP dates, mail dates, and what languages print by default.
var named = []string{
	time.RFC1123Z, time.RFC1123, time.RFC850, time.ANSIC, time.UnixDate, time.RubyDate,
	"Mon, 2 Jan 2006 15:04:05 -0700", "Mon, 2 Jan 2006 15:04:05 MST", "2 Jan 2006 15:04:05 -0700", "2 Jan 2006 15:04:05 MST",
	"Mon Jan 2 2006 15:04:05 GMT-0700", "Mon Jan 2 15:04:05 MST 2006",
}

var (
	dotNet  = regexp.MustCompile(`^\\?/Date\((-?\d+)(?:[+-]\d{4})?\)\\?/$`)
	comment = regexp.MustCompile(`\s*\([^)]*\)$`)
	clockAt = regexp.MustCompile(`^(\d{4}[-/]\d{1,2}[-/]\d{1,2})[ Tt]+(\d.*)$`)
	slashes = regexp.MustCompile(`^(\d{4})/(\d{1,2})/(\d{1,2})`)
	zoneGap = regexp.MustCompile(`(\d)\s+(Z|[+-]\d{2}:?\d{2})$`)
	zoneUTC = regexp.MustCompile(`(?i)\s*(z|utc|gmt)$`)
	compact = regexp.MustCompile(`^(19|20)\d{12}$`)
	leap    = regexp.MustCompile(`:60(\D|$)`)
)

// Time returns the moment that a value means: RFC 3339 and its relatives (a space for the T, an offset without a colon, no zone: UTC),
// HTTP and mail dates, and seconds, milliseconds, microseconds or nanoseconds since 1970 as a number or a text. none reports a value
// that means no time: null, an empty text, 0, or the first year, which some languages write for a time that was never set.
func Time(v any) (t time.Time, none bool, err error) {
	text, isNumber := number.Text(v)
	if !isNumber {
		s, ok := v.(string)
		if !ok {
			if v == nil {
				return t, true, nil
			}
			return t, false, errTime
		}
		text = strings.TrimSpace(s)
	}
	switch text {
	case "", "0", "null", "0000-00-00", "0000-00-00 00:00:00", notANumber:
		return t, true, nil
	}
	if t, err = moment(text); err != nil {
		return time.Time{}, false, err
	}
	switch y := t.UTC().Year(); {
	case y == 1:
		return time.Time{}, true, nil
	case y < 1970:
		return time.Time{}, false, errPast
	case y > 9999:
		return time.Time{}, false, errYear
	}
	return t.UTC(), false, nil
}

func moment(text string) (time.Time, error) {
	if m := dotNet.FindStringSubmatch(text); m != nil {
		ms, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil {
			return time.Time{}, errTime
		}
		return time.UnixMilli(ms), nil
	}
	if compact.MatchString(text) {
		if t, err := time.Parse("20060102150405", text); err == nil {
			return t, nil
		}
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil && !strings.ContainsAny(text, "xXpP_nN") {
		return epoch(n)
	}
	text = comment.ReplaceAllString(text, "") // (Coordinated Universal Time)
	if m := slashes.FindStringSubmatch(text); m != nil {
		text = m[1] + "-" + m[2] + "-" + m[3] + text[len(m[0]):]
	}
	iso := text
	if m := clockAt.FindStringSubmatch(iso); m != nil {
		iso = m[1] + "T" + m[2]
	}
	iso = zoneGap.ReplaceAllString(zoneUTC.ReplaceAllString(iso, "Z"), "$1$2")
	var late time.Duration
	if leap.MatchString(iso) {
		iso, late = leap.ReplaceAllString(iso, ":59$1"), time.Second
	}
	if strings.Contains(iso, "T24:00") {
		iso, late = strings.Replace(iso, "T24:00", "T00:00", 1), 24*time.Hour
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, iso); err == nil {
			return t.Add(late), nil
		}
	}
	for _, layout := range named {
		t, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		if zone, offset := t.Zone(); offset == 0 && zone != "UTC" && zone != "GMT" && zone != "" && zone != "Z" && zone != "UT" {
			return time.Time{}, errZone
		}
		return t, nil
	}
	return time.Time{}, errTime
}

// epoch reads a number as the time since 1970, in the unit that makes it a time between 1973 and 2286.
func epoch(n float64) (time.Time, error) {
	switch size := math.Abs(n); {
	case n < 0:
		return time.Time{}, errPast
	case size < 1e8: // a year, a date such as 20260302, a duration
		return time.Time{}, errTime
	case size < 1e10:
		return time.UnixMilli(int64(math.Round(n * 1e3))), nil
	case size >= 1e11 && size < 1e13:
		return time.UnixMilli(int64(n)), nil
	case size >= 1e14 && size < 1e16:
		return time.UnixMicro(int64(n)), nil
	case size >= 1e17 && size < 1e19:
		return time.Unix(0, int64(min(n, math.MaxInt64/2*1.9))), nil
	}
	return time.Time{}, errTime
}

// Time returns the moment of a field; zero: there is none.
func (r *Reader) Time(key string) time.Time {
	t, none, err := Time(r.In[key])
	if err != nil {
		r.Refuse(&Problem{Code: BadTime, Field: r.At(key), Message: r.At(key) + " " + err.Error()})
		return time.Time{}
	}
	if v := r.In[key]; none && v != nil && v != "" {
		r.Changed(key, NoTime)
	}
	return t
}

// Hint returns the moment of a field that a call can do without: one that cannot be read is noted as a change, not refused.
func (r *Reader) Hint(key, kind string) time.Time {
	t, _, err := Time(r.In[key])
	if err != nil {
		r.Changed(key, kind)
	}
	return t
}
