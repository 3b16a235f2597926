package format

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/journeytest"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
)

// printAgain formats a definition and compiles the result, which must be the same definition.
func printAgain(t interface{ Fatalf(string, ...any) }, d *journey.Definition, others []lint.File) []byte {
	source, err := YAML(d)
	if err != nil {
		t.Fatalf("%v", err)
	}
	content, diagnostics := lint.Check(append([]lint.File{{Name: d.Journey + ".yaml", Data: source}}, others...), journeytest.Options())
	back := content.Journeys[d.Journey]
	if back == nil {
		t.Fatalf("what was written does not compile: %v\n%s", diagnostics, source)
	}
	want, _ := d.Canonical()
	got, _ := back.Canonical()
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Fatalf("compile, print, compile is not the identity (-want +got):\n%s\n%s", diff, source)
	}
	return source
}

// printsBack is the property that a journey of any form can be compiled, printed and compiled to the same definition.
func printsBack(t *rapid.T) *journey.Definition {
	g := &generator{T: t}
	source := g.journey().bytes()
	content, diagnostics := lint.Check(append(journeytest.ExampleFiles(), lint.File{Name: "gen.yaml", Data: source}), journeytest.Options())
	if diagnostics.Failed(false) {
		t.Fatalf("the journey does not lint: %v\n%s", diagnostics, source)
	}
	d := content.Journeys["gen"]
	journeytest.RoundTrip(t, d)
	again := printAgain(t, d, journeytest.ExampleFiles())
	if twice := printAgain(t, d, journeytest.ExampleFiles()); !bytes.Equal(again, twice) {
		t.Fatalf("printed otherwise the second time")
	}
	return d
}

func FuzzPrint(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) { printsBack(t) }))
}

// TestPrintRoundTrip checks printsBack with random journeys.
func TestPrintRoundTrip(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		for _, s := range printsBack(t).Steps {
			seen[s.Kind] = true
		}
	})
	for _, kind := range journey.Kinds {
		if !seen[kind.Name] {
			t.Errorf("no journey that was drawn has a step %s", kind.Name)
		}
	}
}

// TestPrintGoldens prints every valid journey of the goldens.
func TestPrintGoldens(t *testing.T) {
	t.Parallel()
	printed := 0
	for _, path := range goldens(t) {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var named []lint.File
		for _, file := range journeytest.SplitGolden(archive) {
			if strings.Contains(file.Name, "/") || file.Name == "intents.yaml" || file.Name == "policy.yaml" {
				named = append(named, file)
			}
		}
		content, _ := lint.Check(journeytest.SplitGolden(archive), journeytest.Options())
		for _, d := range content.Journeys {
			printAgain(t, d, named)
			printed++
		}
	}
	if printed < 20 {
		t.Errorf("only %d journeys", printed)
	}
}

func TestPrintedText(t *testing.T) {
	t.Parallel()
	d := journeytest.MustCheck(t, "cart-recovery", journeytest.Cart, map[string]string{"cart-reminder": journeytest.Reminder})
	text := string(printAgain(t, d, journeytest.ExampleFiles()))
	for _, want := range []string{"journey: cart-recovery\n", "  event: Cart Updated\n", "  when: \"event.total >= 50\"\n",
		"  reentry: {after: 1w}\n", "timeout: 4w2d\n",
		"  - wait: 1h\n  - id: nudge\n    send: cart-reminder\n    via: [email, push]\n",
		"paths:\n  recovery:\n    - wait:\n        until: \"customer.trial_ends_at\"\n        offset: -2d\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in what was printed:\n%s", want, text)
		}
	}
	long := strings.Repeat("long ", 300) + "key"
	d = journeytest.MustCheck(
		t,
		"long",
		"journey: long\nentry: {event: X}\nvars: {v: {? \""+long+"\" : 1}}\nsteps:\n  - emit: A\n    properties:\n      ? \""+long+
			"\"\n      : \"1\"\n",
		nil,
	)
	printAgain(t, d, nil)
}

// TestPrintRefuses checks programs that no file compiles to: they return an error, without a panic or an endless loop.
func TestPrintRefuses(t *testing.T) {
	t.Parallel()
	wait := func(next int) journey.Step {
		return journey.Step{ID: "x", Kind: "wait", Path: journey.Main, Next: next, Spec: &journey.Wait{}}
	}
	for name, d := range map[string]*journey.Definition{
		"starts in the middle": {Paths: []journey.Path{{Name: journey.Main, Start: 1}},
			Steps: []journey.Step{wait(journey.End), wait(journey.End)}},
		"goes back":                {Paths: []journey.Path{{Name: journey.Main, Start: 0}}, Steps: []journey.Step{wait(0)}},
		"leads beyond the program": {Paths: []journey.Path{{Name: journey.Main, Start: 0}}, Steps: []journey.Step{wait(1)}},
		"two arms are one": {Paths: []journey.Path{{Name: journey.Main, Start: 0}},
			Steps: []journey.Step{{ID: "b", Kind: "branch", Next: 2,
				Spec: &journey.Branch{Arms: []journey.BranchArm{{When: "true", Then: 1}}, Else: 1}}, wait(2), wait(journey.End)}},
		"no spec": {Paths: []journey.Path{{Name: journey.Main, Start: 0}}, Steps: []journey.Step{{ID: "x", Next: journey.End}}},
	} {
		if out, err := YAML(d); err == nil {
			t.Errorf("%s is written:\n%s", name, out)
		}
	}
}

// goldens returns the goldens of package lint.
func goldens(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("../lint/testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no goldens", err)
	}
	return paths
}
