package journey

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func program1(t *testing.T, source string) *Program {
	t.Helper()
	p, err := NewProgram(mustCheck(t, "p", "journey: p\n"+source, map[string]string{"cart-reminder": reminder}))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestReadsAndListens(t *testing.T) {
	t.Parallel()
	p := program1(t, `
entry: {event: Start, when: event.a.b > 1 && has(event.h), key: "event['k-1']"}
goal: {event: [Won, Bought], when: "entry.e1 == event.?opt.orValue(1)"}
exit: [{event: Gone, when: "'x' in entry.list && entry.list.exists(e, e.inner == 1)"}]
steps:
  - id: w-1
    wait_for: {event: Came, when: steps.w_1.timed_out}
    timeout: 1h
  - when: steps.w_1.properties.p1 == 1
    wait: {until: customer.ends_at}
  - wait: {until: "timestamp(customer.a.b)"}
  - branch: [{when: event.seen == 1, then: [{set: {vars.x: event.told}}]}]
`)
	want := Reads{Entry: []string{"e1", "list", "seen", "told"}, Event: []string{"a", "h", "k-1", "opt", "p1", "seen", "told"}}
	if diff := cmp.Diff(want, p.Reads()); diff != "" {
		t.Error(diff)
	}
	l := p.Listens()
	if diff := cmp.Diff(Listens{Events: map[string]bool{"Won": true, "Bought": true, "Gone": true, "Came": true}, Traits: []string{"a", "ends_at", "timezone"}}, l); diff != "" {
		t.Error(diff)
	}
	for event, traits := range map[string][]string{"Won": nil, "Came": nil, "Other": {"x", "ends_at"}} {
		if !l.Hears(event, traits) {
			t.Errorf("does not hear %s", event)
		}
	}
	if l.Hears("Other", []string{"x"}) || l.Hears("Start", nil) {
		t.Error("hears too much")
	}
}

func TestReadsTheWhole(t *testing.T) {
	t.Parallel()
	p := program1(t, `
entry: {event: Start, when: "event[entry.x] == 1"}
goal: {event: Won, when: size(entry) > 1}
exit: [{when: customer.x}]
steps:
  - {id: w, wait_for: {event: Came}, timeout: 1h}
`)
	if diff := cmp.Diff(Reads{Entry: []string{"*"}, Event: []string{"*"}}, p.Reads()); diff != "" {
		t.Error(diff)
	}
	if !p.Listens().Hears("anything", nil) {
		t.Error("a rule without event must hear every event")
	}
}

func TestRemote(t *testing.T) {
	t.Parallel()
	p := testProgram()
	for e, want := range map[Expr]bool{"": false, "event.x > 1": false, "customer.x": true, "has(customer.x)": true, "vars.x && [1].exists(customer, customer > 0)": false,
		"count('A') > 1": true, "last('A') < now": true, "intent.x > 1": true, "entry.count > entry.last": false, "not an expression": false, "customer.?a.orValue(true)": true} {
		if got := p.Remote(e); got != want {
			t.Errorf("Remote(%s) = %v", e, got)
		}
	}
}

func TestProject(t *testing.T) {
	t.Parallel()
	properties := map[string]any{"a": 1, "b": nil, "c": 3}
	if diff := cmp.Diff(map[string]any{"a": 1, "b": nil}, Project(properties, []string{"a", "b", "z"})); diff != "" {
		t.Error(diff)
	}
	if len(Project(properties, []string{"*"})) != 3 || len(Project(nil, []string{"a"})) != 0 || len(Project(properties, nil)) != 0 {
		t.Error("projects wrongly")
	}
}

func TestDefinitionsThatCheckDidNotMake(t *testing.T) {
	t.Parallel()
	sound := func() *Definition {
		return &Definition{
			Journey: "x",
			Paths:   []Path{{Name: Main}},
			Steps:   []Step{{ID: "a", Kind: "wait", Path: Main, Next: End, Spec: &Wait{}}},
		}
	}
	if _, err := NewProgram(sound()); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(d *Definition){
		"no name": func(d *Definition) { d.Journey = "" }, "no path": func(d *Definition) { d.Paths = nil },
		"start": func(d *Definition) { d.Paths[0].Start = 1 }, "next": func(d *Definition) { d.Steps[0].Next = 7 },
		"kind": func(d *Definition) { d.Steps[0].Kind = "exit" }, "spec": func(d *Definition) { d.Steps[0].Spec = nil },
		"id": func(d *Definition) { d.Steps = append(d.Steps, d.Steps[0]) }, "expression": func(d *Definition) { d.Steps[0].When = "((" },
		"outcome": func(d *Definition) {
			d.Steps[0].Kind, d.Steps[0].Spec = "handoff", &Handoff{Outcomes: map[string]int{"x": 9}, OnTimeout: End}
		},
		"go_to": func(d *Definition) { d.Steps[0].Kind, d.Steps[0].Spec = "go_to", &GoTo{To: -2} },
	} {
		d := sound()
		spoil(d)
		if _, err := NewProgram(d); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := NewProgram(nil); err == nil {
		t.Error("nil is a program")
	}
	for _, packed := range [][]byte{nil, []byte("x"), {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}} {
		if _, err := Unpack(packed); err == nil {
			t.Errorf("%x unpacks", packed)
		}
	}
}

func TestLoadIsBoundedAndConcurrent(t *testing.T) {
	t.Parallel()
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for i := range maxPrograms {
				d := &Definition{Journey: fmt.Sprintf("load-%d", (i+worker)%(maxPrograms+20)), Paths: []Path{{Name: Main, Start: End}}}
				packed, err := Pack(d)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := Load(packed, d.Revision()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	programs.Lock()
	defer programs.Unlock()
	if len(programs.order) > maxPrograms || len(programs.order) != len(programs.byRevision) {
		t.Errorf("%d in order, %d by revision", len(programs.order), len(programs.byRevision))
	}
}

// TestFilters holds the list of filters against the engine.
func TestFilters(t *testing.T) {
	t.Parallel()
	if !slices.IsSorted(liquidFilters) {
		t.Error("not sorted")
	}
	arguments := map[string]string{
		"join":          `: ","`,
		"split":         `: ","`,
		"date":          `: "%Y"`,
		"map":           `: "a"`,
		"where":         `: "a", 1`,
		"pluralize":     `: "a", "b"`,
		"replace":       `: "a", "b"`,
		"replace_first": `: "a", "b"`,
		"replace_last":  `: "a", "b"`,
		"slice":         ": 0",
		"concat":        ": list",
		"divided_by":    ": 2",
	}
	for _, html := range []bool{false, true} {
		engine := NewLiquid(html)
		for _, name := range liquidFilters {
			argument, ok := arguments[name]
			if !ok {
				argument = ""
			}
			input := "n"
			if slices.Contains(
				[]string{"join", "map", "where", "concat", "compact", "first", "last", "reverse", "sort", "sort_natural", "sum", "uniq"},
				name,
			) {
				input = "list"
			}
			if slices.Contains(
				[]string{
					"append",
					"prepend",
					"remove",
					"remove_first",
					"remove_last",
					"at_least",
					"at_most",
					"minus",
					"plus",
					"times",
					"modulo",
					"default",
				},
				name,
			) {
				argument = ": 1"
			}
			template := "{{ " + input + " | " + name + argument + " }}"
			if _, err := engine.ParseAndRenderString(template, map[string]any{"n": "5", "list": []any{map[string]any{"a": 1}}}); err != nil {
				t.Errorf("html %v: %s: %v", html, template, err)
			}
		}
		if _, err := engine.ParseAndRenderString("{{ n | nofilter }}", nil); err == nil {
			t.Error("an unknown filter renders")
		}
		if _, err := engine.ParseAndRenderString(`{{ "now" | date: "%Y" }}`, nil); err == nil {
			t.Error("the wall clock can be read")
		}
		if _, err := engine.ParseAndRenderString(`{% include "x" %}`, nil); err == nil {
			t.Error("include renders")
		}
	}
	got, err := NewLiquid(true).ParseAndRenderString(`{{ x }}{{ x | escape }}`, map[string]any{"x": "<b>"})
	if err != nil || got != "&lt;b&gt;&lt;b&gt;" {
		t.Errorf("escapes to %q, %v", got, err)
	}
	if _, err := NewLiquid(true).ParseAndRenderString(`{{ x | safe }}`, map[string]any{"x": "<b>"}); err == nil {
		t.Error("safe renders")
	}
	if got, err := NewLiquid(false).ParseAndRenderString(`{{ t | date: "%Y-%m-%d" }} {{ n | date: "%H:%M" }}`, map[string]any{"t": "2026-03-02", "n": testNow}); err != nil ||
		got != "2026-03-02 10:00" {
		t.Errorf("dates are %q, %v", got, err)
	}
}
