package lint_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/journeytest"
)

func program1(t *testing.T, source string) *journey.Program {
	t.Helper()
	p, err := journey.NewProgram(
		journeytest.MustCheck(t, "p", "journey: p\n"+source, map[string]string{"cart-reminder": journeytest.Reminder}),
	)
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
	want := journey.Reads{Entry: []string{"e1", "list", "seen", "told"}, Event: []string{"a", "h", "k-1", "opt", "p1", "seen", "told"}}
	if diff := cmp.Diff(want, p.Reads()); diff != "" {
		t.Error(diff)
	}
	l := p.Listens()
	if diff := cmp.Diff(journey.Listens{Events: map[string]bool{"Won": true, "Bought": true, "Gone": true, "Came": true},
		Traits: []string{"a", "ends_at", "timezone"}}, l); diff != "" {
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
	if diff := cmp.Diff(journey.Reads{Entry: []string{"*"}, Event: []string{"*"}}, p.Reads()); diff != "" {
		t.Error(diff)
	}
	if !p.Listens().Hears("anything", nil) {
		t.Error("a rule without event must hear every event")
	}
}

func TestRemote(t *testing.T) {
	t.Parallel()
	p := journeytest.Program()
	for e, want := range map[expr.Expr]bool{"": false, "event.x > 1": false, "customer.x": true, "has(customer.x)": true,
		"vars.x && [1].exists(customer, customer > 0)": false,
		"count('A') > 1": true, "last('A') < now": true, "intent.x > 1": true, "entry.count > entry.last": false,
		"not an expression": false, "customer.?a.orValue(true)": true} {
		if got := p.Remote(e); got != want {
			t.Errorf("Remote(%s) = %v", e, got)
		}
	}
}

func TestProject(t *testing.T) {
	t.Parallel()
	properties := map[string]any{"a": 1, "b": nil, "c": 3}
	if diff := cmp.Diff(map[string]any{"a": 1, "b": nil}, journey.Project(properties, []string{"a", "b", "z"})); diff != "" {
		t.Error(diff)
	}
	if len(journey.Project(properties, []string{"*"})) != 3 || len(journey.Project(nil, []string{"a"})) != 0 ||
		len(journey.Project(properties, nil)) != 0 {
		t.Error("projects wrongly")
	}
}

func TestProjectJSON(t *testing.T) {
	t.Parallel()
	const object = `{"a": 12345678901234567890, "b":null,"c":{"z":1,"d":"<x>"},"c":[2 ]}`
	for _, test := range []struct {
		object string
		names  []string
		want   string
	}{
		{object, []string{"a", "b", "z", "a"}, `{"a":12345678901234567890,"b":null}`},
		{object, []string{"c"}, `{"c":[2]}`}, // the last of two
		{object, []string{"a", "*"}, object},
		{object, []string{"z"}, ``},
		{object, nil, ``},
		{`{}`, []string{"*"}, ``},
		{`null`, []string{"*"}, ``},
		{``, []string{"a"}, ``},
	} {
		got, err := journey.ProjectJSON(test.object, test.names)
		if err != nil || string(got) != test.want {
			t.Errorf("%s of %s: %s, %v; want %s", test.names, test.object, got, err, test.want)
		}
	}
	if _, err := journey.ProjectJSON("[1]", []string{"a"}); err == nil {
		t.Error("a list is no object")
	}
}

func TestInvalidDefinitions(t *testing.T) {
	t.Parallel()
	sound := func() *journey.Definition {
		return &journey.Definition{
			Journey: "x",
			Paths:   []journey.Path{{Name: journey.Main}},
			Steps:   []journey.Step{{ID: "a", Kind: "wait", Path: journey.Main, Next: journey.End, Spec: &journey.Wait{}}},
		}
	}
	if _, err := journey.NewProgram(sound()); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(d *journey.Definition){
		"no name": func(d *journey.Definition) { d.Journey = "" }, "no path": func(d *journey.Definition) { d.Paths = nil },
		"start": func(d *journey.Definition) { d.Paths[0].Start = 1 }, "next": func(d *journey.Definition) { d.Steps[0].Next = 7 },
		"kind": func(d *journey.Definition) { d.Steps[0].Kind = "exit" }, "spec": func(d *journey.Definition) { d.Steps[0].Spec = nil },
		"id":         func(d *journey.Definition) { d.Steps = append(d.Steps, d.Steps[0]) },
		"expression": func(d *journey.Definition) { d.Steps[0].When = "((" },
		"outcome": func(d *journey.Definition) {
			d.Steps[0].Kind, d.Steps[0].Spec = "handoff", &journey.Handoff{Outcomes: map[string]*int{"x": new(9)}, OnTimeout: journey.End}
		},
		"go_to": func(d *journey.Definition) { d.Steps[0].Kind, d.Steps[0].Spec = "go_to", &journey.GoTo{To: -2} },
	} {
		d := sound()
		spoil(d)
		if _, err := journey.NewProgram(d); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := journey.NewProgram(nil); err == nil {
		t.Error("nil is a program")
	}
	for _, packed := range [][]byte{nil, []byte("x"), {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}} {
		if _, err := journey.Unpack(packed); err == nil {
			t.Errorf("%x unpacks", packed)
		}
	}
}
