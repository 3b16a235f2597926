package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// A ConditionEntry is a journey without entry events: customers enter when its condition becomes true.
type ConditionEntry struct {
	Name, Condition string // Condition: a hash of the expression
	Program         *journey.Program
}

// watches reports whether customers enter a journey when its condition becomes true.
func watches(p *journey.Program) (ConditionEntry, bool) {
	if len(p.Entry.Events) > 0 || p.Entry.Schedule != nil || p.Entry.When == "" {
		return ConditionEntry{}, false
	}
	sum := sha256.Sum256([]byte(p.Entry.When))
	return ConditionEntry{Name: p.Journey, Condition: hex.EncodeToString(sum[:8]), Program: p}, true
}

// A Timetable is a journey's schedule.
type Timetable struct {
	Name, Spec string
	program    *journey.Program
}

// zone returns the time zone in which the schedule is evaluated.
func (t Timetable) zone(name string) *time.Location {
	if name == Everybody {
		name = t.program.Entry.Schedule.Timezone
	}
	zone, ok := localtime.Zone(name)
	if !ok {
		return time.UTC
	}
	return zone
}

// Own reports whether the schedule is evaluated in each customer's own time zone.
func (t Timetable) Own() bool {
	zone := t.program.Entry.Schedule.Timezone
	return zone == "" || zone == "customer"
}

func scheduled(p *journey.Program) (Timetable, bool, error) {
	if p.Entry.Schedule == nil {
		return Timetable{}, false, nil
	}
	spec, err := sqldb.JSONText(p.Entry.Schedule)
	return Timetable{Name: p.Journey, Spec: spec, program: p}, true, err
}

// Next returns the scheduled time after done that must be run. Of several past times only the latest counts, if it is
// younger than MakeUp.
func (t Timetable) Next(zone string, done int64, now time.Time) (time.Time, bool) {
	schedule := t.program.Entry.Schedule
	from := sqldb.Moment(max(done, sqldb.Millis(now.Add(-MakeUp))))
	at, ok := schedule.At.Next(from, t.zone(zone), schedule.Days)
	for ok && !at.After(now) {
		later, more := schedule.At.Next(at, t.zone(zone), schedule.Days)
		if !more || later.After(now) {
			break
		}
		at = later
	}
	return at, ok
}

// accepts returns the actions of a release by the events that accept them.
func accepts(rules *journey.Rulebook) map[string][]*journey.Action {
	out := map[string][]*journey.Action{}
	for _, name := range slices.Sorted(maps.Keys(rules.Actions)) {
		if a := rules.Actions[name]; a.Accept != nil {
			for _, event := range sqldb.Sorted(a.Accept.Events) {
				out[event] = append(out[event], a)
			}
		}
	}
	return out
}

const (
	MakeUp    = 24 * time.Hour // a missed time is run late if it is younger than this
	Everybody = "*"            // the zone in the row of a schedule that has one zone for all customers
)
