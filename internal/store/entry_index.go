package store

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// conditionEntry is a journey that is entered by a change of state: when its condition turns true.
type conditionEntry struct {
	name, condition string // condition: its hash
	program         *journey.Program
}

// watches reports whether a journey is entered by a change of state.
func watches(p *journey.Program) (conditionEntry, bool) {
	if len(p.Entry.Events) > 0 || p.Entry.Schedule != nil || p.Entry.When == "" {
		return conditionEntry{}, false
	}
	sum := sha256.Sum256([]byte(p.Entry.When))
	return conditionEntry{name: p.Journey, condition: hex.EncodeToString(sum[:8]), program: p}, true
}

// timetable is a journey's schedule.
type timetable struct {
	name, spec string
	program    *journey.Program
}

// zone is the one that a moment is reckoned in.
func (t timetable) zone(name string) *time.Location {
	if name == everybody {
		name = t.program.Entry.Schedule.Timezone
	}
	zone, ok := journey.Zone(name)
	if !ok {
		return time.UTC
	}
	return zone
}

// own reports whether each customer's own zone counts.
func (t timetable) own() bool {
	zone := t.program.Entry.Schedule.Timezone
	return zone == "" || zone == "customer"
}

func scheduled(p *journey.Program) (timetable, bool, error) {
	if p.Entry.Schedule == nil {
		return timetable{}, false, nil
	}
	spec, err := jsonText(p.Entry.Schedule)
	return timetable{name: p.Journey, spec: spec, program: p}, true, err
}

// next is the moment behind done that is to be gone through: of those that are past the latest, if it can be
// made up for.
func (t timetable) next(zone string, done int64, now time.Time) (time.Time, bool) {
	schedule := t.program.Entry.Schedule
	from := moment(max(done, millis(now.Add(-makeUp))))
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

// accepts are the actions of a release by the events that accept them.
func accepts(rules *journey.Rulebook) map[string][]*journey.Action {
	out := map[string][]*journey.Action{}
	for _, name := range slices.Sorted(maps.Keys(rules.Actions)) {
		if a := rules.Actions[name]; a.Accept != nil {
			for _, event := range sorted(a.Accept.Events) {
				out[event] = append(out[event], a)
			}
		}
	}
	return out
}
