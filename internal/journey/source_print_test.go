package journey

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"
)

// printAgain writes a definition and compiles what was written, which must be the same.
func printAgain(t interface{ Fatalf(string, ...any) }, d *Definition, others []File) []byte {
	source, err := d.YAML()
	if err != nil {
		t.Fatalf("%v", err)
	}
	content, diagnostics := Check(append([]File{{Name: d.Journey + ".yaml", Data: source}}, others...), testOptions())
	back := content.Journeys[d.Journey]
	if back == nil {
		t.Fatalf("what was written does not compile: %v\n%s", diagnostics, source)
	}
	want, _ := d.canonical()
	got, _ := back.canonical()
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Fatalf("compile, print, compile is not the identity (-want +got):\n%s\n%s", diff, source)
	}
	return source
}

// printsBack is the property: a journey of any form of the language that is compiled, printed and compiled is the same.
func printsBack(t *rapid.T) *Definition {
	g := &generator{T: t}
	source := g.journey().bytes()
	content, diagnostics := Check(append(exampleFiles(), File{Name: "gen.yaml", Data: source}), testOptions())
	if diagnostics.Failed(false) {
		t.Fatalf("the journey does not lint: %v\n%s", diagnostics, source)
	}
	d := content.Journeys["gen"]
	roundTrip(t, d)
	again := printAgain(t, d, exampleFiles())
	if twice := printAgain(t, d, exampleFiles()); !bytes.Equal(again, twice) {
		t.Fatalf("printed otherwise the second time")
	}
	return d
}

func FuzzPrint(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) { printsBack(t) }))
}

// TestPrintIsTheInverse draws journeys with every form of the language.
func TestPrintIsTheInverse(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		for _, s := range printsBack(t).Steps {
			seen[s.Kind] = true
		}
	})
	for _, kind := range Kinds {
		if !seen[kind.Name] {
			t.Errorf("no journey that was drawn has a step %s", kind.Name)
		}
	}
}

// TestPrintGoldens prints every journey of the goldens that compiles.
func TestPrintGoldens(t *testing.T) {
	t.Parallel()
	printed := 0
	for _, path := range goldens(t) {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var named []File
		for _, file := range splitGolden(archive) {
			if role := roleOf(file); role != roleJourney && role != roleTest {
				named = append(named, file)
			}
		}
		content, _ := Check(splitGolden(archive), testOptions())
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
	d := mustCheck(t, "cart-recovery", cart, map[string]string{"cart-reminder": reminder})
	text := string(printAgain(t, d, exampleFiles()))
	for _, want := range []string{"journey: cart-recovery\n", "  event: Cart Updated\n", "  when: \"event.total >= 50\"\n", "  reentry: {after: 1w}\n", "timeout: 4w2d\n",
		"  - wait: 1h\n  - id: nudge\n    send: cart-reminder\n    via: [email, push]\n", "paths:\n  recovery:\n    - wait:\n        until: \"customer.trial_ends_at\"\n        offset: -2d\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in what was printed:\n%s", want, text)
		}
	}
	long := strings.Repeat("long ", 300) + "key"
	d = mustCheck(
		t,
		"long",
		"journey: long\nentry: {event: X}\nvars: {v: {? \""+long+"\" : 1}}\nsteps:\n  - emit: A\n    properties:\n      ? \""+long+"\"\n      : \"1\"\n",
		nil,
	)
	printAgain(t, d, nil)
}

// TestPrintRefuses gives programs that no file compiles to: an error, no panic, no end without end.
func TestPrintRefuses(t *testing.T) {
	t.Parallel()
	wait := func(next int) Step { return Step{ID: "x", Kind: "wait", Path: Main, Next: next, Spec: &Wait{}} }
	for name, d := range map[string]*Definition{
		"starts in the middle":     {Paths: []Path{{Main, 1}}, Steps: []Step{wait(End), wait(End)}},
		"goes back":                {Paths: []Path{{Main, 0}}, Steps: []Step{wait(0)}},
		"leads beyond the program": {Paths: []Path{{Main, 0}}, Steps: []Step{wait(1)}},
		"two arms are one":         {Paths: []Path{{Main, 0}}, Steps: []Step{{ID: "b", Kind: "branch", Next: 2, Spec: &Branch{Arms: []BranchArm{{When: "true", Then: 1}}, Else: 1}}, wait(2), wait(End)}},
		"no spec":                  {Paths: []Path{{Main, 0}}, Steps: []Step{{ID: "x", Next: End}}},
	} {
		if out, err := d.YAML(); err == nil {
			t.Errorf("%s is written:\n%s", name, out)
		}
	}
}
