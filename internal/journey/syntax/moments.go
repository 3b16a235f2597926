package syntax

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/schema/shape"
)

// LocalTime is a time of day.
type LocalTime struct{ To *localtime.Time }

// Read implements Value.
func (v LocalTime) Read(r *Reader, f *Field, n *source.Node) {
	*v.To = ReadLocalTime(r.Document, n, f.what())
}

// Print implements Value.
func (v LocalTime) Print(*Printer, *Field) *yaml.Node { return Quoted(string(*v.To)) }

// Schema implements Value.
func (LocalTime) Schema(*shape.Builder) *shape.Schema { return shape.TimeOfDay() }

// ClockTime matches the form of a time of day, such as 9:30; it does not check the range.
var ClockTime = regexp.MustCompile(`^\d{1,2}:\d{2}(:\d{2})?$`)

// ReadLocalTime reads a time of day. It reports anything else, and returns "".
func ReadLocalTime(d *source.Document, n *source.Node, what string) localtime.Time {
	text, ok := d.Word(n, what)
	if !ok {
		return ""
	}
	at := localtime.Time(strings.TrimSpace(text))
	if _, _, _, err := at.Parse(); err != nil || !ClockTime.MatchString(string(at)) {
		d.Report(n.Pos, "bad-value", "", "%s: %q is not a time of day: write HH:MM, from 00:00 to 23:59", what, text)
		return ""
	}
	return at
}

// Days is a day of the week or a list of days, stored in the order of the week.
type Days struct{ To *[]string }

// Read implements Value.
func (v Days) Read(r *Reader, _ *Field, n *source.Node) {
	given, places := r.Words(n, "days")
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
		r.Report(places[i].Pos, "bad-value", hint, "%q is not a day: days are %s", day, human.Join(localtime.Weekdays))
	}
	slices.SortFunc(known, func(a, b string) int {
		return slices.Index(localtime.Weekdays, a) - slices.Index(localtime.Weekdays, b)
	})
	*v.To = known
}

// Print implements Value.
func (v Days) Print(*Printer, *Field) *yaml.Node { return Words(*v.To) }

// Schema implements Value.
func (Days) Schema(b *shape.Builder) *shape.Schema { return b.Days() }

// Zone is a time zone, or "" for the customer's own.
type Zone struct{ To *string }

// Read implements Value.
func (v Zone) Read(r *Reader, _ *Field, n *source.Node) { *v.To = ReadZone(r.Document, n) }

// Print implements Value.
func (v Zone) Print(_ *Printer, f *Field) *yaml.Node { return optional(f, *v.To) }

// Schema implements Value.
func (Zone) Schema(b *shape.Builder) *shape.Schema { return b.Zone() }

// ReadZone reads a time zone. It returns "" for the customer's own. It reports an unknown zone, and returns "".
func ReadZone(d *source.Document, n *source.Node) string {
	zone, ok := d.Word(n, "timezone")
	if !ok || zone == "customer" || !KnownZone(d, n, zone, "write customer or an IANA name such as Asia/Tokyo") {
		return ""
	}
	return zone
}

// KnownZone reports whether zone is a name of the IANA database. If not, it reports a bad-value that says what to write, with
// the name that is probably meant.
func KnownZone(d *source.Document, n *source.Node, zone, what string) bool {
	if localtime.IANA(zone) {
		return true
	}
	d.Report(n.Pos, "bad-value", localtime.Suggest(zone), "%q is not a time zone: %s", zone, what)
	return false
}

// Offset is a duration that may have a sign. 0 is left out of the YAML.
type Offset struct{ To *time.Duration }

// Read implements Value.
func (v Offset) Read(r *Reader, f *Field, n *source.Node) { *v.To, _ = r.Duration(n, f.what(), true) }

// Print implements Value.
func (v Offset) Print(*Printer, *Field) *yaml.Node {
	if *v.To == 0 {
		return nil
	}
	return Plain(clock.FormatDuration(*v.To))
}

// Schema implements Value.
func (Offset) Schema(*shape.Builder) *shape.Schema {
	return &shape.Schema{Type: "string", Pattern: shape.Offset, Words: shape.SpanWords, MinLength: 2, Examples: []any{"-2d", "1h"}}
}
