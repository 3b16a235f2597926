package scenario

import (
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

type testCheck struct {
	*source.Document
	folder  *lint.Folder
	test    *File
	subject *subject
	names   map[string]bool // of scenarios
}

// testDefaults are the settings of a file for all its scenarios.
type testDefaults struct {
	id       string
	customer map[string]any
	start    time.Time
	with     []string
}

// Check is lint.Check for a folder with scenario files, which it returns by journey.
func Check(files []lint.File, opts lint.Options) (*journey.Content, map[string]*File, source.Diagnostics) {
	folder, tests := lint.Open(files, opts), map[string]*File{}
	for _, document := range folder.Scenarios {
		readTest(folder, document, tests)
	}
	return folder.Content, tests, folder.Diagnostics()
}

// readTest checks a scenario file and adds it to tests.
func readTest(folder *lint.Folder, f *source.Document, tests map[string]*File) {
	if f.Root == nil {
		return
	}
	t := &testCheck{Document: f, folder: folder, test: &File{File: f.File}, names: map[string]bool{}}
	m := f.Mapping(f.Root, "a scenario file")
	if m == nil {
		return
	}
	t.test.Journey = t.testName(m.Need("test", "a scenario file needs the journey that it tests"))
	defaults := testDefaults{id: DefaultCustomer, customer: map[string]any{}, start: DefaultStart}
	if n := m.Get("customer"); n != nil {
		defaults.id, defaults.customer = t.testCustomer(n, defaults.id)
	}
	if n := m.Get("start"); n != nil {
		t.testStart(n, &defaults.start)
	}
	if n := m.Get("with"); n != nil {
		defaults.with = t.testWith(n)
	}
	if n := m.Need("scenarios", "the scenarios to run"); n != nil {
		items, ok := t.List(n, "scenarios")
		if ok && len(items) == 0 {
			t.Report(n.Pos, "bad-value", "", "there is no scenario in scenarios")
		}
		for _, item := range items {
			t.scenario(item, defaults)
		}
	}
	m.Done()
	if f.Errors > 0 {
		return
	}
	if other := tests[t.test.Journey]; other != nil {
		f.Report(f.Root.Pos, "duplicate-id", "", "the scenarios of %q are also in %s", t.test.Journey, other.File)
		return
	}
	tests[t.test.Journey] = t.test
}

// testName reads the name of the journey under test, which must be the file's name.
func (t *testCheck) testName(n *source.Node) string {
	base := strings.TrimSuffix(source.BaseName(t.File), ".test")
	name := base
	if n != nil {
		text, ok := t.Label(n, "journey")
		switch {
		case !ok:
		case text != base:
			t.Report(n.Pos, "name-mismatch", base, "the file tests %q, but is called %q: call it %s.test.yaml", text, base+".test", text)
			if t.folder.JourneyKnown(text) {
				name = text
			}
		case !t.folder.JourneyKnown(text):
			t.Report(n.Pos, "bad-value", human.Suggest(text, t.folder.JourneyNames()), "there is no journey %q in this folder", text)
		}
	}
	t.subject = newSubject(t.folder, name)
	return name
}

// testCustomer reads the customer: id and traits.
func (t *testCheck) testCustomer(n *source.Node, id string) (string, map[string]any) {
	m := t.Mapping(n, "customer")
	if m == nil {
		return id, map[string]any{}
	}
	if value := m.Get("id"); value != nil {
		id = t.testID(value, "the id of the customer", id)
	}
	return id, t.traits(n)
}

// testID reads an id: a string or a number.
func (t *testCheck) testID(n *source.Node, what, fallback string) string {
	if n.Shape == source.Scalar && !n.Tagged && (n.Tag == "int" || n.Tag == "float") {
		return n.Text
	}
	if text, ok := t.Word(n, what); ok {
		return text
	}
	return fallback
}

// traits reads traits, of which the id is none.
func (t *testCheck) traits(n *source.Node) map[string]any {
	traits, _ := t.Value(n).(map[string]any)
	if traits == nil {
		return map[string]any{}
	}
	delete(traits, "id")
	return traits
}

// mergeTraits merges own into base, mapping by mapping; null removes a trait. Neither argument is changed.
func mergeTraits(base, own map[string]any) map[string]any {
	out := make(map[string]any, len(base)+len(own))
	for _, layer := range []map[string]any{base, own} {
		for key, value := range layer {
			below, _ := out[key].(map[string]any)
			switch inner, ok := value.(map[string]any); {
			case value == nil:
				delete(out, key)
			case ok:
				out[key] = mergeTraits(below, inner)
			default:
				out[key] = value
			}
		}
	}
	return out
}

// startLayouts are the layouts of a start: RFC 3339, and what YAML reads as a timestamp.
var startLayouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04Z07:00", "2006-01-02 15:04:05 Z07:00",
	"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly,
}

// Bounds of a scenario's start. A scenario runs for decades at most.
const (
	minStartYear = 1970
	maxStartYear = 2199
)

// testStart reads when a scenario starts. A start without a zone is in UTC.
func (t *testCheck) testStart(n *source.Node, to *time.Time) {
	if n.Shape != source.Scalar || n.Tagged || n.Tag != "str" && n.Tag != "timestamp" {
		t.WrongType(n, "start is a moment such as 2026-03-02T10:00:00+09:00")
		return
	}
	for _, layout := range startLayouts {
		at, err := time.Parse(layout, strings.TrimSpace(n.Text))
		if err != nil {
			continue
		}
		if at.Year() < minStartYear || at.Year() > maxStartYear {
			t.Report(n.Pos, "bad-value", "", "a scenario starts between %d and %d", minStartYear, maxStartYear)
			return
		}
		if _, offset := at.Zone(); offset == 0 {
			*to = at.UTC()
		} else {
			*to = at.In(time.FixedZone("", offset)) // without the machine's name for the zone
		}
		return
	}
	t.Report(
		n.Pos,
		"bad-value",
		"",
		"%q is not a moment: write a time such as 2026-03-02T10:00:00+09:00 or a date such as 2026-03-02",
		n.Text,
	)
}

// testWith reads the other journeys that run in the scenario.
func (t *testCheck) testWith(n *source.Node) []string {
	items := []*source.Node{n}
	if n.Shape == source.Sequence {
		items = n.Items
	}
	with, seen := []string{}, map[string]bool{}
	for _, item := range items {
		name, ok := t.Label(item, "journey")
		switch {
		case !ok:
		case seen[name]:
			t.Report(item.Pos, "bad-value", "", "%q occurs twice", name)
		case name == t.subject.name:
			t.Report(item.Pos, "bad-value", "", "%q is the journey under test, which runs anyway", name)
		case !t.folder.JourneyKnown(name):
			others := without(t.folder.JourneyNames(), t.subject.name)
			t.Report(item.Pos, "unknown-journey", human.Suggest(name, others), "there is no journey %q in this folder", name)
		default:
			with = append(with, name)
		}
		seen[name] = true
	}
	return with
}
