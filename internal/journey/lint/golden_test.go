package lint_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tabi-journeys/tabi/internal/journey/journeytest"
	"github.com/tabi-journeys/tabi/internal/journey/scenario"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

var update = flag.Bool("update", false, "write the goldens anew")

// goldens are folders of journeys with the results of Check: `want` holds the diagnostics, `<journey>.json` the
// definition, `<journey>.test.json` the scenarios, `messages/<message>.json` the message, `rules.json` the rules.
func goldens(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no goldens", err)
	}
	return paths
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for _, path := range goldens(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			content, tests, diagnostics := scenario.Check(journeytest.SplitGolden(archive), journeytest.Options())
			got := map[string]string{"want": wantText(diagnostics)}
			out := &txtar.Archive{Comment: archive.Comment}
			seen := false
			for _, file := range archive.Files {
				if name, ok := strings.CutSuffix(file.Name, ".json"); ok {
					var what any = content.Journeys[name]
					if tested, ok := strings.CutSuffix(name, ".test"); ok {
						what = tests[tested]
					}
					if message, ok := strings.CutPrefix(name, "messages/"); ok {
						what = content.Messages[message]
					}
					if name == "rules" {
						what = content.Rules
					}
					data, err := json.MarshalIndent(what, "", " ")
					if err != nil {
						t.Fatal(err)
					}
					got[file.Name] = string(data) + "\n"
				}
				if text, golden := got[file.Name]; golden {
					if diff := cmp.Diff(string(file.Data), text); diff != "" && !*update {
						t.Errorf("%s differs (-want +got):\n%s", file.Name, diff)
					}
					file.Data = []byte(text)
				}
				seen = seen || file.Name == "want"
				out.Files = append(out.Files, file)
			}
			if *update {
				if !seen {
					out.Files = append(out.Files, txtar.File{Name: "want", Data: []byte(got["want"])})
				}
				if err := os.WriteFile(path, txtar.Format(out), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if !seen {
				t.Error("the golden has no want")
			}
		})
	}
}

// wantText returns one line per diagnostic, with its hint.
func wantText(diagnostics source.Diagnostics) string {
	var out strings.Builder
	for _, d := range diagnostics {
		out.WriteString(d.String())
		if hint := d.DidYouMean(); hint != "" {
			fmt.Fprintf(&out, " [%s]", hint)
		}
		out.WriteByte('\n')
	}
	return out.String()
}

// TestCodesHaveGoldens checks that every diagnostic has a golden.
func TestCodesHaveGoldens(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for _, path := range goldens(t) {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range archive.Files {
			if file.Name == "want" {
				all.Write(file.Data)
			}
		}
	}
	for _, code := range source.Codes {
		later := code.Code == "not-available"
		if has := strings.Contains(all.String(), ": "+code.Code+": "); has == later {
			t.Errorf("code %s has a golden: %v", code.Code, has)
		}
	}
}
