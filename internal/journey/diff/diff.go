package diff

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// Diff is the difference in meaning between two contents. Comments, formatting and the order of keys have no meaning.
type Diff struct {
	Journeys []JourneyDiff `json:"journeys"` // sorted by name, without unchanged ones
	Messages []MessageDiff `json:"messages"`
	Rules    []RuleDiff    `json:"rules"` // intents, actions and policy
}

// Change is a value that differs. An empty side is absent.
type Change struct {
	Field string `json:"field"` // as designers write it: timeout, entry.when, arm 2
	Old   string `json:"old,omitempty"`
	New   string `json:"new,omitempty"`
}

// JourneyDiff is the difference between two revisions of a journey. Without Old the journey was added, without New it
// was removed.
type JourneyDiff struct {
	Journey  string     `json:"journey"`
	Old      string     `json:"old,omitempty"` // revision
	New      string     `json:"new,omitempty"`
	Changes  []Change   `json:"changes,omitempty"`
	Steps    []StepDiff `json:"steps,omitempty"`
	Warnings []string   `json:"warnings,omitempty"` // surprising effects of the edit on customers
	Moves    []StepMove `json:"moves,omitempty"`    // for every step of the old revision, in its order
}

// StepDiff is the difference between two steps. Without Old the step was added, without New it was removed. If both are
// set and differ, it was probably renamed.
type StepDiff struct {
	Old     string   `json:"old,omitempty"` // id
	New     string   `json:"new,omitempty"`
	Kind    string   `json:"kind"`
	From    string   `json:"from,omitempty"` // its old place, in words; set with To if it moved
	To      string   `json:"to,omitempty"`
	Changes []Change `json:"changes,omitempty"`
	told    bool     // the caller named it as renamed
}

// StepMove says what a migration can do with an enrollment at a step.
type StepMove struct {
	Step    string `json:"step"` // id in the old revision; empty: after the end of its path
	Kind    string `json:"kind,omitempty"`
	Target  string `json:"target,omitempty"`  // where it would continue
	Refused string `json:"refused,omitempty"` // why it would stay on its revision, in words
	Suggest string `json:"suggest,omitempty"` // the step that looks like it: migrate with --step Step=Suggest
}

// Kept reports whether an enrollment continues under the same step id.
func (m StepMove) Kept() bool { return m.Refused == "" && m.Step == m.Target }

// MessageDiff is the difference between two versions of a message.
type MessageDiff struct {
	Message string   `json:"message"`
	Added   bool     `json:"added,omitempty"`
	Removed bool     `json:"removed,omitempty"`
	Changes []Change `json:"changes,omitempty"` // email.subject, tones.empathetic.push.body, languages.ja.sms.text
}

// Empty reports whether nothing changed in meaning.
func (d Diff) Empty() bool { return len(d.Journeys) == 0 && len(d.Messages) == 0 && len(d.Rules) == 0 }

// Compare returns what changed in meaning. renamed maps old step ids to new ones, as for a migration, and applies to
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

// CompareJourneys compares two revisions of a journey. A nil revision means that the journey was added or removed.
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
	if len(d.Changes)+len(d.Steps) == 0 { // the language has no word for the change, such as the order in which a step writes variables
		d.Changes = []Change{{"definition", "revision " + d.Old, "revision " + d.New}}
	}
	d.Warnings = m.warnings()
	d.Moves = m.moves(from, to, renamed)
	return d, nil
}

// headChanges compares the settings above the steps.
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

// moves returns for each old step whether an enrollment could migrate, by the rule of migrations.
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
			p.fields[i].name = p.fields[i].name[1:] // channels have no parent key
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
