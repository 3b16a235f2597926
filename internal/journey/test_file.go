package journey

import (
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/human"
)

// testCheck is the check of one scenario file.
type testCheck struct {
	*fileCheck
	test    *Test
	subject *subject
	names   map[string]bool // of scenarios
}

// testDefaults is what a file says for all its scenarios.
type testDefaults struct {
	id       string
	customer map[string]any
	start    time.Time
	with     []string
}

// testFile checks a scenario file and keeps what it says.
func (f *fileCheck) testFile() {
	if f.root == nil {
		return
	}
	t := &testCheck{fileCheck: f, test: &Test{File: f.file}, names: map[string]bool{}}
	m := f.fields(f.root, "a scenario file")
	if m == nil {
		return
	}
	t.test.Journey = t.testName(m.need("test", "a scenario file says which journey it tests"))
	defaults := testDefaults{id: DefaultCustomer, customer: map[string]any{}, start: DefaultStart}
	if n := m.get("customer"); n != nil {
		defaults.id, defaults.customer = t.testCustomer(n, defaults.id)
	}
	if n := m.get("start"); n != nil {
		t.testStart(n, &defaults.start)
	}
	if n := m.get("with"); n != nil {
		defaults.with = t.testWith(n)
	}
	if n := m.need("scenarios", "the stories to play"); n != nil {
		items, ok := t.list(n, "scenarios")
		if ok && len(items) == 0 {
			t.report(n.pos, "bad-value", "", "there is no scenario in scenarios")
		}
		for _, item := range items {
			t.scenario(item, defaults)
		}
	}
	m.done()
	if f.errors > 0 {
		return
	}
	if other := f.content.Tests[t.test.Journey]; other != nil {
		f.report(f.root.pos, "duplicate-id", "", "the scenarios of %q are also in %s", t.test.Journey, other.File)
		return
	}
	f.content.Tests[t.test.Journey] = t.test
}

// testName reads which journey the file tests: the one whose name the file has.
func (t *testCheck) testName(n *node) string {
	base := strings.TrimSuffix(baseName(t.file), ".test")
	name := base
	if n != nil {
		text, ok := t.label(n, "journey")
		switch {
		case !ok:
		case text != base:
			t.report(n.pos, "name-mismatch", base, "the file tests %q, but is called %q: call it %s.test.yaml", text, base+".test", text)
			if t.journeyKnown(text) {
				name = text
			}
		case !t.journeyKnown(text):
			t.report(n.pos, "bad-value", human.Suggest(text, t.journeyNames()), "there is no journey %q in this folder", text)
		}
	}
	t.subject = t.newSubject(name)
	return name
}

// testCustomer reads the customer: id and traits.
func (t *testCheck) testCustomer(n *node, id string) (string, map[string]any) {
	m := t.fields(n, "customer")
	if m == nil {
		return id, map[string]any{}
	}
	if value := m.get("id"); value != nil {
		id = t.testID(value, "the id of the customer", id)
	}
	return id, t.traits(n)
}

// testID reads an id: a text or a number.
func (t *testCheck) testID(n *node, what, fallback string) string {
	if n.shape == scalar && !n.tagged && (n.tag == "int" || n.tag == "float") {
		return n.text
	}
	if text, ok := t.word(n, what); ok {
		return text
	}
	return fallback
}

// traits reads traits; the id is none.
func (t *testCheck) traits(n *node) map[string]any {
	traits, _ := t.value(n).(map[string]any)
	if traits == nil {
		return map[string]any{}
	}
	delete(traits, "id")
	return traits
}

// mergeTraits lays own over base, mapping by mapping; null takes a trait away. Neither is changed.
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

// startLayouts are the forms of a start: RFC 3339, and what YAML takes for a timestamp.
var startLayouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04Z07:00", "2006-01-02 15:04:05 Z07:00",
	"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly,
}

// Bounds of a scenario's start: its time runs for decades at most.
const (
	minStartYear = 1970
	maxStartYear = 2199
)

// testStart reads when a scenario starts; where no zone is written, in UTC.
func (t *testCheck) testStart(n *node, to *time.Time) {
	if n.shape != scalar || n.tagged || n.tag != "str" && n.tag != "timestamp" {
		t.wrongType(n, "start is a moment such as 2026-03-02T10:00:00+09:00")
		return
	}
	for _, layout := range startLayouts {
		at, err := time.Parse(layout, strings.TrimSpace(n.text))
		if err != nil {
			continue
		}
		if at.Year() < minStartYear || at.Year() > maxStartYear {
			t.report(n.pos, "bad-value", "", "a scenario starts between %d and %d", minStartYear, maxStartYear)
			return
		}
		if _, offset := at.Zone(); offset == 0 {
			*to = at.UTC()
		} else {
			*to = at.In(time.FixedZone("", offset)) // not the name the machine has for it
		}
		return
	}
	t.report(n.pos, "bad-value", "", "%q is no moment: write a time such as 2026-03-02T10:00:00+09:00 or a date such as 2026-03-02", n.text)
}

// testWith reads the other journeys that run too.
func (t *testCheck) testWith(n *node) []string {
	items := []*node{n}
	if n.shape == sequence {
		items = n.items
	}
	with, seen := []string{}, map[string]bool{}
	for _, item := range items {
		name, ok := t.label(item, "journey")
		switch {
		case !ok:
		case seen[name]:
			t.report(item.pos, "bad-value", "", "%q stands here twice", name)
		case name == t.subject.name:
			t.report(item.pos, "bad-value", "", "%q is the journey under test, which runs anyway", name)
		case !t.journeyKnown(name):
			others := without(t.journeyNames(), t.subject.name)
			t.report(item.pos, "bad-value", human.Suggest(name, others), "there is no journey %q in this folder", name)
		default:
			with = append(with, name)
		}
		seen[name] = true
	}
	return with
}
