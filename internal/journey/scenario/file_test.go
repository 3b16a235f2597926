package scenario

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tabi-journeys/tabi/internal/journey/journeytest"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

// scenarioFolder returns the files of a valid golden, separated from the scenarios of cart-recovery.
func scenarioFolder(f interface{ Fatal(...any) }) (rest []lint.File, scenarios []byte) {
	archive, err := txtar.ParseFile("../lint/testdata/test-good.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range journeytest.SplitGolden(archive) {
		if file.Name == "cart-recovery.test.yaml" {
			scenarios = file.Data
			continue
		}
		rest = append(rest, file)
	}
	return rest, scenarios
}

// FuzzTest reads random bytes as a scenario file in a valid folder. A file without errors must be complete.
func FuzzTest(f *testing.F) {
	rest, scenarios := scenarioFolder(f)
	f.Add(scenarios)
	bad, err := filepath.Glob("../lint/testdata/test-bad-*.txtar")
	if err != nil || len(bad) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, path := range bad {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range journeytest.SplitGolden(archive) {
			if file.Name == "cart.test.yaml" {
				f.Add(file.Data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, tests, diagnostics := Check(
			append(slices.Clone(rest), lint.File{Name: "cart-recovery.test.yaml", Data: data}),
			journeytest.Options(),
		)
		failed := false
		for _, d := range diagnostics {
			if d.Line < 1 || d.Column < 1 || d.Message == "" {
				t.Fatalf("a diagnostic without place or words: %+v", d)
			}
			if d.Severity == source.Error && d.File != "cart-recovery.test.yaml" {
				t.Fatalf("a scenario file makes another bad: %v", d)
			}
			failed = failed || d.Severity == source.Error
		}
		test := tests["cart-recovery"]
		if failed != (test == nil) {
			t.Fatalf("failed is %v, and the scenarios are %v", failed, test)
		}
		if test != nil {
			wholeTest(t, test)
		}
	})
}

// wholeTest checks what every scenario without errors has.
func wholeTest(t *testing.T, test *File) {
	if len(test.Scenarios) == 0 || test.File == "" {
		t.Fatalf("no scenarios: %+v", test)
	}
	names := map[string]bool{}
	for _, s := range test.Scenarios {
		if s.Name == "" || names[s.Name] || s.ID == "" || s.Start.Year() < minStartYear-1 || s.Customer == nil || s.Place.Line < 1 {
			t.Fatalf("a scenario lacks something: %+v", s)
		}
		names[s.Name] = true
		expects, last := s.Expect != nil, s.Timeline
		for i, line := range s.Timeline {
			set := 0
			for _, is := range []bool{line.Event != nil, line.Intent != nil, line.Customer != nil, line.Fail != nil, line.Resolve != nil,
				line.Expect != nil} {
				if is {
					set++
				}
			}
			if set != 1 || i > 0 && line.At < last[i-1].At || line.Place.Line < 1 {
				t.Fatalf("a line that does %d things, or goes back: %+v", set, line)
			}
			expects = expects || line.Expect != nil
		}
		if !expects {
			t.Fatalf("the scenario %q expects nothing", s.Name)
		}
	}
}

func TestMergeTraits(t *testing.T) {
	t.Parallel()
	base := map[string]any{"a": map[string]any{"b": 1.0, "c": map[string]any{"d": nil, "e": 2.0}}, "gone": 1.0, "text": "x"}
	own := map[string]any{
		"a":    map[string]any{"b": nil, "c": map[string]any{"f": 3.0}},
		"gone": nil,
		"text": map[string]any{"now": "a mapping", "not": nil},
	}
	want := map[string]any{"a": map[string]any{"c": map[string]any{"e": 2.0, "f": 3.0}}, "text": map[string]any{"now": "a mapping"}}
	if diff := cmp.Diff(want, mergeTraits(base, own)); diff != "" {
		t.Error(diff)
	}
	if base["a"].(map[string]any)["b"] != 1.0 {
		t.Error("the file's own customer changed")
	}
	if got := mergeTraits(nil, nil); got == nil || len(got) > 0 {
		t.Errorf("nothing and nothing is %v", got)
	}
}
