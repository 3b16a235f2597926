package graph

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// golden compares a drawing with a file; -update writes the file.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf(
			"%s is another drawing now; look at it, and run go test ./internal/graph -update\n%s",
			path,
			cmp.Diff(string(want), string(got)),
		)
	}
}

// TestGoldens checks that the same journey yields the same drawing, byte by byte.
func TestGoldens(t *testing.T) {
	t.Parallel()
	all := drawn(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if _, err := os.Stat("testdata/" + name + ".yaml"); err != nil && name != "cart-recovery" {
			continue
		}
		g := New(all[name])
		golden(t, "testdata/"+name+".mmd", []byte(g.Mermaid()))
		golden(t, "testdata/"+name+".svg", g.SVG(Options{}))
		for range 3 {
			if again := New(all[name]); again.Mermaid() != g.Mermaid() || !bytes.Equal(again.SVG(Options{}), g.SVG(Options{})) {
				t.Fatalf("%s: drawn twice, it is not the same", name)
			}
		}
	}
	golden(t, "../../docs/images/cart-recovery.svg", New(all["cart-recovery"]).SVG(Options{}))
}

// TestGoldenWithNumbers does the same for a drawing with live numbers.
func TestGoldenWithNumbers(t *testing.T) {
	t.Parallel()
	g := New(drawn(t)["nested"])
	golden(t, "testdata/nested-numbers.svg", g.SVG(Options{Inline: true, Overlay: &Overlay{
		Entered: 12345, HeldOut: 617, Ends: map[string]int64{"completed": 800, "goal": 1200, "timeout": 3},
		Steps: map[string]Count{
			"segment": {Passed: 11000, Arms: map[string]int64{"1": 5000, "2": 5999, "else": 1}},
			"answer":  {Now: 42, Passed: 3000, Arms: map[string]int64{"1": 1000, "on_timeout": 1000, "": 1000}},
			"person":  {Now: 3, Passed: 1000, Arms: map[string]int64{"refunded": 500, "called back": 250, "on_timeout": 250}},
			"last": {
				Passed: 2000,
				Alert:  "12 failed: RETRIES_ENDED",
				Arms:   map[string]int64{"": 1500, "on_blocked": 300, "on_failure": 12, "skipped": 188},
			},
		},
	}}))
}
