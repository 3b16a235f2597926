package journey

import (
	"regexp"
	"slices"
	"strings"
)

var (
	// clockTime is a time of day as it is written; clockLike is one that somebody meant to write, and no expression.
	clockTime = regexp.MustCompile(`^\d{1,2}:\d{2}(:\d{2})?$`)
	clockLike = regexp.MustCompile(`(?i)^\s*\d{1,2}\s*(:.*|[ap]\.?m\.?)\s*$`)
	// dateLike is a date that stands where an expression belongs, and would be read as a subtraction.
	dateLike = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
)

// localTime reads a time of day.
func (f *fileCheck) localTime(n *node, what string) (LocalTime, bool) {
	text, ok := f.word(n, what)
	if !ok {
		return "", false
	}
	at := LocalTime(strings.TrimSpace(text))
	if _, _, _, err := at.parse(); err != nil || !clockTime.MatchString(string(at)) {
		f.report(n.pos, "bad-value", "", "%s: %q is no time of day: write HH:MM, from 00:00 to 23:59", what, text)
		return "", false
	}
	return at, true
}

// days reads one day of the week or a list of them; they come back in the order of the week.
func (f *fileCheck) days(n *node) []string {
	given, places := f.words(n, "days")
	var known []string
	for i, day := range given {
		if slices.Contains(Weekdays, day) {
			known = append(known, day)
			continue
		}
		hint := ""
		if lower := strings.ToLower(strings.TrimSpace(day)); len(lower) >= 3 && slices.Contains(Weekdays, lower[:3]) {
			hint = lower[:3]
		}
		f.report(places[i].pos, "bad-value", hint, "%q is no day: days are %s", day, joinWords(Weekdays))
	}
	slices.SortFunc(known, func(a, b string) int { return slices.Index(Weekdays, a) - slices.Index(Weekdays, b) })
	return known
}

// zone reads a time zone; the customer's own is empty.
func (f *fileCheck) zone(n *node) string {
	zone, ok := f.word(n, "timezone")
	if !ok || zone == "customer" {
		return ""
	}
	if _, ok := Zone(zone); !ok {
		f.report(n.pos, "bad-value", "", "%q is no time zone: write customer or an IANA name such as Asia/Tokyo", zone)
		return ""
	}
	return zone
}

// schedule reads when an entry by schedule is due.
func (j *journeyCheck) schedule(n *node) *Schedule {
	s := &Schedule{}
	if n.isText() && clockTime.MatchString(n.text) {
		j.report(n.pos, "wrong-type", `{at: "`+n.text+`"}`, "schedule is a mapping: write {at: …}")
		return s
	}
	m := j.fields(n, "schedule")
	if m == nil {
		return s
	}
	if at := m.need("at", "the time of day at which customers enter"); at != nil {
		s.At, _ = j.localTime(at, "at")
	}
	if days := m.get("days"); days != nil {
		s.Days = j.days(days)
	}
	if zone := m.get("timezone"); zone != nil {
		s.Timezone = j.zone(zone)
	}
	m.done()
	return s
}
