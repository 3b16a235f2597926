package lint_test

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/journeytest"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

func TestPlaces(t *testing.T) {
	t.Parallel()
	text := "journey: a\nentry: {event: X}\nsteps:\n  - wait: 1h\n  - {id: asked, wait_for: [{event: A, then: [{exit: x}]}], " +
		"timeout: 1h}\n  - go_to: nowhere\npaths:\n  side:\n    - id: 旅\n      wait: 1h\n    -   exit: y\n"
	content, _ := lint.Check([]lint.File{{Name: "dir/a.yaml", Data: []byte(text)}}, journeytest.Options())
	want := map[string]source.Place{}
	for id, at := range map[string][2]int{"main.1": {4, 5}, "asked": {5, 5}, "main.2.1.1": {5, 46}, "main.3": {6, 5}, "旅": {9, 7},
		"side.2": {11, 9}} {
		want[id] = source.Place{File: "dir/a.yaml", Line: at[0], Column: at[1]}
	}
	if content.Journeys["a"] != nil {
		t.Error("a journey with an error is there")
	}
	if diff := cmp.Diff(want, content.Places["a"]); diff != "" {
		t.Error(diff)
	}
}

func TestReadsOfResponses(t *testing.T) {
	t.Parallel()
	steps := "  - {id: get-it, call: {url: \"https://a\"}}\n  - {id: other, wait_for: {event: A}, timeout: 1h}\n"
	for expr, want := range map[string][]string{
		"steps.get_it.body.risk > 1 && steps.get_it.body.name == 'x'": {"name", "risk"},
		`steps["get-it"].body["a b"] == 1`:                            {"a b"},
		"steps.get_it.body.list[0].x == 1":                            {"list"},
		"steps.get_it.body[0] == 1":                                   {"*"},
		"size(steps.get_it.body) > 1 || steps.get_it.body.a == 1":     {"*"},
		"steps.get_it == steps.other":                                 {"*"},
		"steps.get_it.status == 200":                                  nil,
		"steps.other.properties.body == 1":                            nil,
		"size(steps) > 1":                                             {"*"},
		"has(steps.get_it.body.x)":                                    {"x"},
	} {
		d := journeytest.MustCheck(
			t,
			"a",
			"journey: a\nentry: {event: X}\nsteps:\n"+steps+"  - when: "+strconv.Quote(expr)+"\n    wait: 1h\n",
			nil,
		)
		p, err := journey.NewProgram(d)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, p.Reads().Body); diff != "" {
			t.Errorf("%s: %s", expr, diff)
		}
	}
}

// TestListensToTheZone checks that a wait in the customer's time zone listens to changes of the zone.
func TestListensToTheZone(t *testing.T) {
	t.Parallel()
	for wait, want := range map[string][]string{
		`{until: "09:00"}`:                         {"timezone"},
		`{until: "09:00", timezone: customer}`:     {"timezone"},
		`{until: "09:00", timezone: UTC}`:          nil,
		`{until: customer.ends_at}`:                {"ends_at", "timezone"},
		`{until: customer.ends_at, timezone: UTC}`: {"ends_at"},
		`{until: "timestamp(customer.ends_at)"}`:   {"ends_at"},
		`{until: entry.day}`:                       nil, // nothing to listen to, so no level is queried
		"1h":                                       nil,
	} {
		d := journeytest.MustCheck(t, "a", "journey: a\nentry: {event: X}\nsteps:\n  - wait: "+wait+"\n", nil)
		p, err := journey.NewProgram(d)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, p.Listens().Traits); diff != "" {
			t.Errorf("%s: %s", wait, diff)
		}
	}
	d := journeytest.MustCheck(
		t,
		"a",
		"journey: a\nentry: {event: X}\ngoal: {event: Y}\nreroute: [{event: Z, go_to: main}, {when: customer.x == 1, go_to: "+
			"main}]\nsteps:\n  - wait: {until: entry.day}\n",
		nil,
	)
	p, err := journey.NewProgram(d)
	if err != nil {
		t.Fatal(err)
	}
	if l := p.Listens(); !l.Every || !l.Events["Y"] || !l.Events["Z"] || !l.Hears("Customer Updated", []string{"timezone"}) ||
		len(l.Traits) != 1 {
		t.Errorf("listens: %+v", l)
	}
}
