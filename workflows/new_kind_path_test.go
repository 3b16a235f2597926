package workflows_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/graph"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/diff"
	"github.com/tabi-journeys/tabi/internal/journey/format"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/journey/scenario"
	"github.com/tabi-journeys/tabi/internal/schema"
	"github.com/tabi-journeys/tabi/internal/simulate"
)

const pigeonJourney = `journey: post
entry: {event: Cart Updated, reentry: always}
steps:
  - id: bird
    pigeon: hello
    via: [push, email]
    speed: fast
    note: Fly, {{ customer.first_name }}
    home: old-tower
    loud: true
    height: 12.5
    rest: 90m
    worth: entry.total * 2
    data: {cart: entry.cart_id, way: entry.way}
    lands:
      - {event: Bird Landed, when: event.safe == true, then: [{exit: safe}]}
      - {event: [Bird Landed, Bird Fell], then: [{exit: found}]}
    seen:
      park: [{exit: in-the-park}]
      roof: [{wait: 1h}, {exit: on-the-roof}]
    on_timeout: [{exit: lost}]
    on_failure: [{exit: eaten}]
  - id: after
    wait: 1h
`

// pigeonArms are the arms of the bird, in the order of the file, and the outcomes of those that take them.
var pigeonArms = [][2]string{{"1", "safe"}, {"2", "found"}, {"park", "in-the-park"}, {"roof", "on-the-roof"}, {"on_timeout", "lost"},
	{"on_failure", "eaten"}}

// pigeonFiles returns a folder with the journey, its message and a scenario in which customers go these ways.
func pigeonFiles(source string, ways ...[2]string) []lint.File {
	message := []byte("message: %\npush: {title: Hi, body: there}\nemail: {subject: Hi, text: there}\n")
	var test strings.Builder
	test.WriteString("test: post\ncustomer: {id: ana, email: ana@example.com}\nstart: 2026-03-02T10:00:00+01:00\nscenarios:\n")
	for _, way := range ways {
		test.WriteString(
			"  - name: goes " + way[0] + "\n    timeline:\n      - {at: 0m, event: Cart Updated, properties: {way: \"" + way[0] +
				"\", total: 1}}\n    expect: {outcome: " + way[1] + "}\n",
		)
	}
	files := []lint.File{{Name: "post.yaml", Data: []byte(source)}}
	for _, name := range []string{"hello", "goodbye"} {
		files = append(files, lint.File{Name: "messages/" + name + ".yaml", Data: bytes.ReplaceAll(message, []byte("%"), []byte(name))})
	}
	if len(ways) > 0 {
		files = append(files, lint.File{Name: "post.test.yaml", Data: []byte(test.String())})
	}
	return files
}

// compilePigeon returns what a folder holds; it must have no error.
func compilePigeon(t *testing.T, files []lint.File) (*journey.Content, map[string]*scenario.File) {
	t.Helper()
	content, tests, diagnostics := scenario.Check(files, lint.Options{Channels: channels.Shipped().Specs()})
	if diagnostics.Failed(false) {
		var words strings.Builder
		_ = diagnostics.Text(&words)
		t.Fatalf("it does not lint:\n%s", words.String())
	}
	return content, tests
}

// TestNewKind takes a kind that nobody ships, with every field set and every arm, through all that knows about kinds.
// What fails here knows a kind by name, or a field by its type, where it should ask the spec.
func TestNewKind(t *testing.T) {
	t.Parallel()
	content, _ := compilePigeon(t, pigeonFiles(pigeonJourney))
	d := content.Journeys["post"]
	spec := reflect.ValueOf(d.Step("bird").Spec).Elem()
	for i := range spec.NumField() {
		if spec.Field(i).IsZero() {
			t.Fatalf("the example does not set %s: this test would not notice what drops it", spec.Type().Field(i).Name)
		}
	}
	t.Run("pack, load", func(t *testing.T) {
		packed, err := journey.Pack(d)
		if err != nil {
			t.Fatal(err)
		}
		loaded, err := journey.Load(packed, d.Revision())
		if err != nil {
			t.Fatal(err)
		}
		if change := cmp.Diff(d, loaded.Definition); change != "" {
			t.Errorf("it is another definition now:\n%s", change)
		}
		if listens := loaded.Listens(); !listens.Events["Bird Fell"] || !loaded.StepsTake("Bird Fell") {
			t.Errorf("it does not listen to its events: %+v", listens)
		}
		if reads := loaded.Reads(); !slices.Contains(reads.Entry, "total") || !slices.Contains(reads.Entry, "cart_id") ||
			!slices.Contains(reads.Event, "safe") {
			t.Errorf("its expressions are not read: %+v", reads)
		}
	})
	t.Run("print, lint", func(t *testing.T) {
		text, err := format.YAML(d)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := compilePigeon(t, pigeonFiles(string(text)))
		if change := cmp.Diff(d, again.Journeys["post"]); change != "" {
			t.Errorf("what is printed means something else:\n%s\n%s", text, change)
		}
	})
	t.Run("schema", func(t *testing.T) { pigeonSchema(t) })
	t.Run("graph", func(t *testing.T) {
		g := graph.New(d)
		var keys, labels []string
		for _, e := range g.Ways("bird") {
			keys, labels = append(keys, e.Arm), append(labels, e.Label)
		}
		want := []string{
			"landed by Bird Landed",
			"landed by Bird Landed",
			"seen in the park",
			"seen in the roof",
			"flies on",
			"lost",
			"eaten",
		}
		if change := cmp.Diff(want, labels); change != "" {
			t.Errorf("the ways of %v:\n%s", keys, change)
		}
		for _, drawn := range []string{g.Mermaid(), string(g.SVG(graph.Options{}))} {
			for _, part := range []string{"bird with hello", "seen in the park"} {
				if !strings.Contains(drawn, part) {
					t.Errorf("a drawing lacks %q", part)
				}
			}
			if !strings.Contains(strings.ToLower(drawn), "carrier pigeon") {
				t.Error("a drawing lacks the name of the kind")
			}
		}
	})
	t.Run("diff", func(t *testing.T) { pigeonDiff(t, content) })
	t.Run("migration", func(t *testing.T) {
		unnamed := strings.Replace(pigeonJourney, "id: bird\n    pigeon", "pigeon", 1)
		longer := strings.Replace(unnamed, "then: [{exit: safe}]", "then: [{wait: 1h}, {exit: safe}]", 1)
		from, to := pigeonProgram(t, unnamed), pigeonProgram(t, longer)
		if target, refused := from.CanMigrate("main.1", to, nil); target != "main.1" || refused != "" {
			t.Errorf("only its arms lead elsewhere, but it may not migrate: %s", refused)
		}
		to = pigeonProgram(t, strings.Replace(unnamed, "height: 12.5", "height: 13", 1))
		if _, refused := from.CanMigrate("main.1", to, nil); refused == "" {
			t.Error("it says something else, and migrates")
		}
	})
	t.Run("simulation, coverage", func(t *testing.T) { pigeonScenarios(t) })
	t.Run("release", func(t *testing.T) {
		s := enginetest.New(t, filepath.Join(t.TempDir(), "tabi.db"))
		_, err := s.Catalog.Publish(s.Ctx, enginetest.Noon, content)
		s.Must(err)
		s.Enter("ana", enginetest.Props{"way": "roof"})
		_, err = s.Catalog.Publish(s.Ctx, enginetest.Noon, enginetest.Content(nil))
		var dropped *catalog.DroppedError
		if !errors.As(err, &dropped) || !strings.Contains(strings.Join(dropped.Missing, "\n"), `message "hello"`) {
			t.Errorf("a release drops its message: %v", err)
		}
	})
}

func pigeonProgram(t *testing.T, source string) *journey.Program {
	t.Helper()
	content, _ := compilePigeon(t, pigeonFiles(source))
	p, err := journey.NewProgram(content.Journeys["post"])
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// pigeonSchema checks that editors know every key of the kind, and no other.
func pigeonSchema(t *testing.T) {
	data, err := schema.Generate("journey", channels.Shipped().Specs())
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("journey", document); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("journey")
	if err != nil {
		t.Fatal(err)
	}
	refused := func(source string) error {
		var value any
		if err := yaml.Unmarshal([]byte(source), &value); err != nil {
			t.Fatal(err)
		}
		return compiled.Validate(value)
	}
	if err := refused(pigeonJourney); err != nil {
		t.Errorf("the schema refuses it: %v", err)
	}
	for _, key := range []string{"height: 12.5", "event: Bird Landed"} {
		edited := strings.Replace(pigeonJourney, key, key+", wings: 2", 1)
		if key == "height: 12.5" {
			edited = strings.Replace(pigeonJourney, key, key+"\n    wings: 2", 1)
		}
		if refused(edited) == nil {
			t.Errorf("the schema takes the unknown key wings beside %s", key)
		}
		if _, diagnostics := lint.Check(pigeonFiles(edited), lint.Options{Channels: channels.Shipped().Specs()}); !diagnostics.Failed(
			false,
		) {
			t.Errorf("lint takes the unknown key wings beside %s", key)
		}
	}
}

// pigeonDiff checks that every edit of the step is said by the key that designers write.
func pigeonDiff(t *testing.T, content *journey.Content) {
	edited := pigeonJourney
	for _, edit := range [][2]string{
		{"pigeon: hello", "pigeon: goodbye"}, {"[push, email]", "push"}, {"speed: fast", "speed: slow"}, {"note: Fly", "note: Rest"},
		{"old-tower", "new-tower"}, {"    loud: true\n", ""}, {"height: 12.5", "height: 13"}, {"rest: 90m", "rest: 2h"}, {"* 2", "* 3"},
		{"cart: entry.cart_id", "cart: entry.id"}, {"[Bird Landed, Bird Fell]", "Bird Fell"}, {"event.safe == true", "event.safe == false"},
		{"[{exit: lost}]", "[{wait: 2h}, {exit: lost}]"}, {"park: [{exit: in-the-park}]",
			"park: [{exit: in-the-park, when: entry.total > 1}]"},
	} {
		if !strings.Contains(edited, edit[0]) {
			t.Fatalf("no %q to edit", edit[0])
		}
		edited = strings.Replace(edited, edit[0], edit[1], 1)
	}
	after, _ := compilePigeon(t, pigeonFiles(edited))
	delete(after.Messages, "hello")
	found, err := diff.Compare(content, after, nil)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := found.Text(&text); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"~ bird: pigeon: hello → goodbye", "~ bird: via: push, email → push", "~ bird: speed: fast → slow",
		"~ bird: note: Fly, {{ customer.first_name }} → Rest, {{ customer.first_name }}", "~ bird: home: old-tower → new-tower",
		"~ bird: loud: removed, was true", "~ bird: height: 12.5 → 13", "~ bird: rest: 1h30m → 2h",
		"~ bird: worth: entry.total * 2 → entry.total * 3", "~ bird: data.cart: entry.cart_id → entry.id",
		"~ bird: arm 1: event Bird Landed, when event.safe == true → event Bird Landed, when event.safe == false",
		"~ bird: arm 2: event Bird Landed, Bird Fell → event Bird Fell",
		"(wait), in bird, on_timeout, first", "message hello is gone",
	} {
		if !strings.Contains(text.String(), line) {
			t.Errorf("the diff does not say %q", line)
		}
	}
	if t.Failed() {
		t.Log(text.String())
	}
}

// pigeonScenarios runs the interpreter over the kind, once through one arm and once through all.
func pigeonScenarios(t *testing.T) {
	cover := func(ways ...[2]string) (missing []string) {
		content, tests := compilePigeon(t, pigeonFiles(pigeonJourney, ways...))
		var results []simulate.Result
		for n := range tests["post"].Scenarios {
			result := simulate.Run(t.Context(), content, tests["post"], n, simulate.Options{})
			for _, failure := range result.Failures {
				t.Errorf("%s: %s", result.Name, failure.Message)
			}
			results = append(results, result)
		}
		for _, missed := range simulate.Cover(content, []string{"post"}, results)[0].Missing {
			if missed.Step == "bird" {
				missing = append(missing, missed.Arm)
			}
		}
		return missing
	}
	var keys []string
	for _, arm := range pigeonArms[1:] {
		keys = append(keys, arm[0])
	}
	if change := cmp.Diff(keys, cover(pigeonArms[0])); change != "" {
		t.Errorf("coverage misses other arms:\n%s", change)
	}
	if missing := cover(pigeonArms...); len(missing) > 0 {
		t.Errorf("coverage misses %v, which were taken", missing)
	}
}
