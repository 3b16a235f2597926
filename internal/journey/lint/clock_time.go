package lint

import (
	"regexp"
	"slices"
	"strings"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

var (
	// clockTime matches a time of day; clockLike matches what was probably meant as one and is no expression.
	clockTime = regexp.MustCompile(`^\d{1,2}:\d{2}(:\d{2})?$`)
	clockLike = regexp.MustCompile(`(?i)^\s*\d{1,2}\s*(:.*|[ap]\.?m\.?)\s*$`)
	// dateLike matches a date in the place of an expression, which CEL would read as a subtraction.
	dateLike = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
)

// localTime reads a time of day.
func (f *fileCheck) localTime(n *source.Node, what string) (localtime.Time, bool) {
	text, ok := f.Word(n, what)
	if !ok {
		return "", false
	}
	at := localtime.Time(strings.TrimSpace(text))
	if _, _, _, err := at.Parse(); err != nil || !clockTime.MatchString(string(at)) {
		f.Report(n.Pos, "bad-value", "", "%s: %q is no time of day: write HH:MM, from 00:00 to 23:59", what, text)
		return "", false
	}
	return at, true
}

// days reads one day of the week or a list of days and returns them in the order of the week.
func (f *fileCheck) days(n *source.Node) []string {
	given, places := f.Words(n, "days")
	var known []string
	for i, day := range given {
		if slices.Contains(localtime.Weekdays, day) {
			known = append(known, day)
			continue
		}
		hint := ""
		if lower := strings.ToLower(strings.TrimSpace(day)); len(lower) >= 3 && slices.Contains(localtime.Weekdays, lower[:3]) {
			hint = lower[:3]
		}
		f.Report(places[i].Pos, "bad-value", hint, "%q is no day: days are %s", day, human.Join(localtime.Weekdays))
	}
	slices.SortFunc(known, func(a, b string) int {
		return slices.Index(localtime.Weekdays, a) - slices.Index(localtime.Weekdays, b)
	})
	return known
}

// zone reads a time zone. It returns "" for the customer's own.
func (f *fileCheck) zone(n *source.Node) string {
	zone, ok := f.Word(n, "timezone")
	if !ok || zone == "customer" {
		return ""
	}
	if _, ok := localtime.Zone(zone); !ok {
		f.Report(n.Pos, "bad-value", "", "%q is no time zone: write customer or an IANA name such as Asia/Tokyo", zone)
		return ""
	}
	return zone
}

// schedule reads the schedule of an entry.
func (j *journeyCheck) schedule(n *source.Node) *journey.Schedule {
	s := &journey.Schedule{}
	if n.IsText() && clockTime.MatchString(n.Text) {
		j.Report(n.Pos, "wrong-type", `{at: "`+n.Text+`"}`, "schedule is a mapping: write {at: …}")
		return s
	}
	m := j.Mapping(n, "schedule")
	if m == nil {
		return s
	}
	if at := m.Need("at", "the time of day at which customers enter"); at != nil {
		s.At, _ = j.localTime(at, "at")
	}
	if days := m.Get("days"); days != nil {
		s.Days = j.days(days)
	}
	if zone := m.Get("timezone"); zone != nil {
		s.Timezone = j.zone(zone)
	}
	m.Done()
	return s
}
