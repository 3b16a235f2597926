package diff

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// Diff is what changed in meaning from one content to another. Comments, formatting and the order of keys are
// no meaning.
type Diff struct {
	Journeys []JourneyDiff `json:"journeys"` // sorted by name; those that did not change are left out
	Messages []MessageDiff `json:"messages"`
	Rules    []RuleDiff    `json:"rules"` // intents, actions and policy
}

// Change is a value that differs. An empty one was, or is, not there.
type Change struct {
	Field string `json:"field"` // as the designer writes it: timeout, entry.when, arm 2
	Old   string `json:"old,omitempty"`
	New   string `json:"new,omitempty"`
}

// JourneyDiff is what changed in a journey. Without Old it was added, without New it was removed.
type JourneyDiff struct {
	Journey  string     `json:"journey"`
	Old      string     `json:"old,omitempty"` // revision
	New      string     `json:"new,omitempty"`
	Changes  []Change   `json:"changes,omitempty"`
	Steps    []StepDiff `json:"steps,omitempty"`
	Warnings []string   `json:"warnings,omitempty"` // what the edit does to customers that one may not expect
	Moves    []StepMove `json:"moves,omitempty"`    // of every step of the old revision, in its order
}

// StepDiff is what changed at a step. Without Old it was added, without New it was removed; where both are set
// and differ, it was renamed, as it looks.
type StepDiff struct {
	Old     string   `json:"old,omitempty"` // id
	New     string   `json:"new,omitempty"`
	Kind    string   `json:"kind"`
	From    string   `json:"from,omitempty"` // where it stood, in words; with To: it moved
	To      string   `json:"to,omitempty"`
	Changes []Change `json:"changes,omitempty"`
	told    bool     // the caller said that it was renamed
}

// StepMove says what a migration could do with an instance that stands at a step.
type StepMove struct {
	Step    string `json:"step"` // id in the old revision; empty: behind the end of its path
	Kind    string `json:"kind,omitempty"`
	Target  string `json:"target,omitempty"`  // where it would go on
	Refused string `json:"refused,omitempty"` // why it would stay on its revision, in words
	Suggest string `json:"suggest,omitempty"` // the step that looks like it: migrate with --step Step=Suggest
}

// Kept reports whether an instance goes on under the same step id.
func (m StepMove) Kept() bool { return m.Refused == "" && m.Step == m.Target }

// MessageDiff is what changed in a message.
type MessageDiff struct {
	Message string   `json:"message"`
	Added   bool     `json:"added,omitempty"`
	Removed bool     `json:"removed,omitempty"`
	Changes []Change `json:"changes,omitempty"` // email.subject, tones.empathetic.push.body, languages.ja.sms.text
}

// Empty reports that nothing changed in meaning.
func (d Diff) Empty() bool { return len(d.Journeys) == 0 && len(d.Messages) == 0 && len(d.Rules) == 0 }

// Compare says what changed in meaning. renamed maps old step ids to new ones, as for a migration; it counts in
// every journey that has them.
func Compare(old, new *journey.Content, renamed map[string]string) (Diff, error) {
	d := Diff{Journeys: []JourneyDiff{}, Messages: []MessageDiff{}, Rules: CompareRules(old.Rules, new.Rules)}
	for _, name := range bothKeys(old.Journeys, new.Journeys) {
		one, err := CompareJourneys(old.Journeys[name], new.Journeys[name], renamed)
		if err != nil {
			return Diff{}, err
		}
		if one.Old != one.New {
			one.Warnings = append(one.Warnings, lostMessages(old.Journeys[name], new)...)
			d.Journeys = append(d.Journeys, one)
		}
	}
	for _, name := range bothKeys(old.Messages, new.Messages) {
		if one := compareMessages(name, old.Messages[name], new.Messages[name]); one.Added || one.Removed || len(one.Changes) > 0 {
			d.Messages = append(d.Messages, one)
		}
	}
	return d, nil
}

// CompareJourneys compares two revisions of a journey. Either may be nil: it was added, or removed.
func CompareJourneys(old, new *journey.Definition, renamed map[string]string) (JourneyDiff, error) {
	switch {
	case old == nil:
		return JourneyDiff{Journey: new.Journey, New: new.Revision()}, nil
	case new == nil:
		return JourneyDiff{Journey: old.Journey, Old: old.Revision()}, nil
	}
	d := JourneyDiff{Journey: new.Journey, Old: old.Revision(), New: new.Revision()}
	if d.Old == d.New {
		return d, nil
	}
	from, err := journey.NewProgram(old)
	if err != nil {
		return d, err
	}
	to, err := journey.NewProgram(new)
	if err != nil {
		return d, err
	}
	m := matchSteps(newOutline(old), newOutline(new), renamed)
	d.Changes, d.Steps = headChanges(old, new), m.steps()
	if len(d.Changes)+len(d.Steps) == 0 { // what the language has no word for, as the order in which a step writes its variables
		d.Changes = []Change{{"definition", "revision " + d.Old, "revision " + d.New}}
	}
	d.Warnings = m.warnings()
	d.Moves = m.moves(from, to, renamed)
	return d, nil
}

// headChanges compares what stands above the steps.
func headChanges(old, new *journey.Definition) []Change {
	head := func(d *journey.Definition) *parts {
		bare := *d
		bare.Journey, bare.Paths, bare.Steps = "", nil, nil
		p := partsOf(bare)
		var paths []string
		for _, path := range d.Paths[1:] {
			paths = append(paths, path.Name)
		}
		p.add("paths", strings.Join(paths, ", "))
		return p
	}
	return partChanges(head(old), head(new))
}

// moves says for each old step whether an instance could move, by the rule that a migration goes by.
func (m *match) moves(from, to *journey.Program, renamed map[string]string) []StepMove {
	out := make([]StepMove, len(from.Steps))
	for i := range from.Steps {
		s := &from.Steps[i]
		out[i] = StepMove{Step: s.ID, Kind: s.Kind}
		out[i].Target, out[i].Refused = from.CanMigrate(s.ID, to, renamed)
		if j := m.toNew[i]; j >= 0 && out[i].Refused != "" && to.Steps[j].Kind == s.Kind {
			out[i].Suggest = to.Steps[j].ID
		}
	}
	return out
}

// compareMessages compares field by field.
func compareMessages(name string, old, new *journey.Message) MessageDiff {
	d := MessageDiff{Message: name, Added: old == nil, Removed: new == nil}
	if old == nil || new == nil {
		return d
	}
	flat := func(m *journey.Message) *parts {
		bare := *m
		bare.Name = ""
		bare.Treatments = nil
		p := &parts{}
		p.read("", reflect.ValueOf(m.Treatments))
		for i := range p.fields {
			p.fields[i].name = p.fields[i].name[1:] // no key stands above the channels
		}
		p.read("", reflect.ValueOf(bare))
		return p
	}
	d.Changes = partChanges(flat(old), flat(new))
	return d
}

func bothKeys[T any](a, b map[string]T) []string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(keys)
	return slices.Compact(keys)
}
