package template

import (
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/osteele/tuesday"

	"github.com/tabi-journeys/tabi/internal/journey/localtime"
	"github.com/tabi-journeys/tabi/internal/journey/template/calendar"
)

// dateFilters are the filters of times.
var dateFilters = []filter{
	{name: "date", args: []kind{textKind, languageKind}, run: date},
	{name: "in_zone", min: 1, args: []kind{zoneKind}, run: inZone},
}

// instant is a time as the filters read it. A local one has no zone: a date, or clock time that came without a zone.
type instant struct {
	at    time.Time
	local bool
	fixed bool // in_zone chose its zone
}

// zonedLayouts and localLayouts are what a text may look like, in addition to RFC 3339.
var (
	zonedLayouts = []string{
		time.RFC3339Nano, "2006-01-02T15:04:05.999999999-0700",
		"2006-01-02 15:04:05.999999999 -0700", "2006-01-02 15:04:05.999999999Z07:00",
		"2006-01-02 15:04:05.999999999 UTC", "2006-01-02T15:04Z07:00",
		time.RFC1123Z, time.RFC1123, time.RFC850, time.UnixDate, time.RubyDate,
		"Mon, 2 Jan 2006 15:04:05 -0700", "Mon, 2 Jan 2006 15:04:05 MST",
	}
	localLayouts = []string{
		"2006-01-02", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04", "2006-01-02 15:04",
		"2006/01/02",
		"2006/01/02 15:04:05", "2006/01/02 15:04", "20060102", time.ANSIC, "January 2, 2006", "Jan 2, 2006", "January 2 2006", "Jan 2 2006",
		"2 January 2006", "2 Jan 2006", "January 2, 2006 15:04", "2 January 2006 15:04",
	}
	seconds   = regexp.MustCompile(`^-?\d{1,14}$`)
	directive = regexp.MustCompile(`%([-_^#0]*)(\d*)([aAbBh])`)
)

// toMoment returns the time that a value is.
func toMoment(v any) (instant, bool) {
	switch v := v.(type) {
	case time.Time:
		return instant{at: v}, true
	case moment:
		return instant{at: v.Time, fixed: true}, true
	case string:
		s := strings.TrimSpace(v)
		for _, layout := range localLayouts {
			if at, err := time.Parse(layout, s); err == nil {
				return instant{at: at, local: true}, true
			}
		}
		for _, layout := range zonedLayouts {
			if at, err := time.Parse(layout, s); err == nil {
				return instant{at: at}, true
			}
		}
		if seconds.MatchString(s) {
			n, err := strconv.ParseInt(s, 10, 64)
			return unixTime(float64(n)), err == nil
		}
		return instant{}, false
	case int, int64, float64, json.Number, *number:
		n := asNumber(v)
		if n == nil {
			return instant{}, false
		}
		f, err := n.Float64()
		if err != nil || math.Abs(f) >= 1e15 {
			return instant{}, false
		}
		return unixTime(f), true
	}
	return instant{}, false
}

// unixTime reads seconds since 1970, or milliseconds, as clients in JavaScript send them: seconds would lie after the
// year 5000.
func unixTime(n float64) instant {
	if math.Abs(n) >= 1e11 {
		n /= 1000
	}
	return instant{at: time.Unix(int64(math.Floor(n)), 0).UTC()}
}

// date writes a time in a form of strftime: in the zone that in_zone chose, else in the customer's. A date, or a clock
// time without a zone, is not moved. What is no time stays as it is.
func date(c *filterCall, in any, args []any) any {
	form := "%a, %b %d, %y"
	if len(args) > 0 {
		form = toText(args[0])
	}
	if in == nil || in == "" || form == "" {
		return in
	}
	at, ok := toMoment(in)
	if !ok {
		if word, isText := in.(string); isText && isClockWord(word) {
			c.odd("%q between quotes is no time here: now is a variable", strings.ToLower(strings.TrimSpace(word)))
		} else {
			c.odd("%s is no time: it stays as it is", kindOf(in))
		}
		return in
	}
	if !at.local && !at.fixed {
		at.at = at.at.In(c.Zone)
	}
	out, err := tuesday.Strftime(c.names(form, at.at, c.locale(arg(args, 1))), at.at)
	if err != nil || len(out) > len(form)+4096 {
		c.odd("the form of the date cannot be written: it stays as it is")
		return in
	}
	return out
}

// isClockWord reports whether a text reads the wall clock in other Liquids.
func isClockWord(s string) bool {
	s = strings.ToLower(strings.TrimSpace(s))
	return s == "now" || s == "today"
}

// names puts the names of the month and of the day into a form, in a language.
func (c *filterCall) names(form string, at time.Time, locale string) string {
	words := calendar.Words(locale)
	if words == nil {
		return form
	}
	escaped := strings.Split(form, "%%")
	for i, part := range escaped {
		escaped[i] = directive.ReplaceAllStringFunc(part, func(d string) string {
			m := directive.FindStringSubmatch(d)
			if m[2] != "" {
				return d
			}
			var name string
			switch m[3] {
			case "a":
				name = words.WeekdayAbbreviated(at.Weekday())
			case "A":
				name = words.WeekdayWide(at.Weekday())
			case "b", "h":
				name = words.MonthAbbreviated(at.Month())
			case "B":
				name = words.MonthWide(at.Month())
			}
			if name == "" {
				return d
			}
			if strings.ContainsAny(m[1], "^#") {
				name = strings.ToUpper(name)
			}
			return strings.ReplaceAll(name, "%", "%%")
		})
	}
	return strings.Join(escaped, "%%")
}

// inZone chooses the zone in which the time is written.
func inZone(c *filterCall, in any, args []any) any {
	if in == nil || in == "" {
		return in
	}
	name := toText(args[0])
	zone, ok := localtime.Zone(name)
	if !ok {
		if name == "" {
			c.odd("the zone is missing: the customer's is used")
		} else {
			c.odd("the argument is no time zone: the customer's is used")
		}
		return in
	}
	at, ok := toMoment(in)
	switch {
	case !ok:
		c.odd("%s is no time: it stays as it is", kindOf(in))
		return in
	case at.local:
		return in
	}
	return moment{at.at.In(zone)}
}
