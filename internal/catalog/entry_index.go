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

// lookbackSlack is added to windows that begin at a local time of day.
const lookbackSlack = 3 * 24 * time.Hour

// Lookback is how far back a release looks, in virtual time: what retention keeps for it, whatever is configured.
type Lookback struct {
	Sends  time.Duration // for the longest frequency cap; 0: there is none
	Events time.Duration // for the longest duration of count(); 0: there is none
	Ever   []string      // the journeys, sorted, whose expressions look back without end: they see what is kept; "the rules" for those
}

// Lookback returns how far back the release looks.
func (r *Release) Lookback() Lookback {
	var l Lookback
	if r.Rules != nil && r.Rules.Policy != nil {
		for _, limit := range r.Rules.Policy.Limits { // a send that ran late counts longer: see message.policyFacts
			l.Sends = max(l.Sends, limit.Per+limit.Per/2+lookbackSlack)
		}
	}
	see := func(name string, back time.Duration, ever bool) {
		if back > 0 {
			l.Events = max(l.Events, back+lookbackSlack)
		}
		if ever {
			l.Ever = append(l.Ever, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Programs)) {
		back, ever := r.Programs[name].Lookback()
		see(name, back, ever)
	}
	if r.Rules != nil {
		back, ever := r.Rules.Lookback()
		see("the rules", back, ever)
	}
	return l
}

// LookbackOf returns how long events are kept for a program: as far back as its counts look, whatever release it is of; 0: not at all.
func LookbackOf(p *PackedProgram) time.Duration {
	if back, _ := p.Lookback(); back > 0 {
		return back + lookbackSlack
	}
	return 0
}

// Before returns the earlier of a time and of what something that looks back for a while may still read.
func Before(now, before time.Time, back time.Duration) time.Time {
	if read := now.Add(-back); back > 0 && read.Before(before) {
		return read
	}
	return before
}
