package journeys_test

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/journey/scenario"
	"github.com/tabi-journeys/tabi/internal/simulate"
	"github.com/tabi-journeys/tabi/journeys"
)

// content is the folder, checked. A warning is an error here: people copy these files.
func content(t *testing.T) (*journey.Content, map[string]*scenario.File) {
	t.Helper()
	var files []lint.File
	err := fs.WalkDir(journeys.Files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := journeys.Files.ReadFile(name)
		files = append(files, lint.File{Root: "journeys", Name: "journeys/" + name, Data: data})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c, tests, found := scenario.Check(files, lint.Options{Channels: channels.Shipped().Specs()})
	if found.Failed(true) {
		var out strings.Builder
		_ = found.Text(&out)
		t.Fatal(out.String())
	}
	return c, tests
}

// The scenarios of every journey that ships pass, and visit every step and arm of it.
func TestScenarios(t *testing.T) {
	t.Parallel()
	c, tests := content(t)
	var jobs []simulate.Job
	for _, name := range slices.Sorted(maps.Keys(c.Journeys)) {
		test := tests[name]
		if test == nil {
			t.Errorf("journey %s has no scenarios", name)
			continue
		}
		for n := range test.Scenarios {
			jobs = append(jobs, simulate.Job{Content: c, Test: test, Scenario: n})
		}
	}
	of := map[string][]simulate.Result{}
	for n, result := range simulate.RunAll(t.Context(), jobs, 0, simulate.Options{}, nil) {
		if result == nil {
			t.Fatal("the test was ended")
		}
		name := jobs[n].Test.Journey
		of[name] = append(of[name], *result)
		for _, failure := range result.Failures {
			t.Errorf("%s: %s: %s: %s", failure.Place, jobs[n].Test.Scenarios[jobs[n].Scenario].Name, failure.What, failure.Message)
		}
		if !result.Passed && len(result.Failures) == 0 {
			t.Errorf("%s: %q did not pass", name, jobs[n].Test.Scenarios[jobs[n].Scenario].Name)
		}
	}
	for name, results := range of { // visits of another file's scenarios do not count: each file is read for itself
		for _, coverage := range simulate.Cover(c, []string{name}, results) {
			for _, missed := range coverage.Missing {
				t.Error(missed)
			}
		}
	}
}

// The files open with what they show, and name their schema for editors.
func TestHeads(t *testing.T) {
	t.Parallel()
	err := fs.WalkDir(journeys.Files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := journeys.Files.ReadFile(name)
		if err != nil {
			return err
		}
		kind, opening := "../docs/schema/journey", "# Shows: "
		switch {
		case strings.HasPrefix(name, "messages/_layouts/"), strings.HasPrefix(name, "messages/_blocks/"):
			if !strings.HasPrefix(string(data), "{% # Shows: ") {
				t.Errorf("%s begins with %.120q, want {%% # Shows: ", name, data)
			}
			return nil
		case name == "messages/_defaults.yaml":
			kind = "../../docs/schema/defaults"
		case path.Dir(name) == "messages":
			kind, opening = "../../docs/schema/message", "message: "+strings.TrimSuffix(path.Base(name), ".yaml")
		case path.Dir(name) == "actions":
			kind = "../../docs/schema/actions"
		case name == "intents.yaml", name == "policy.yaml", name == "topics.yaml":
			kind = "../docs/schema/" + strings.TrimSuffix(name, ".yaml")
		case strings.HasSuffix(name, ".test.yaml"):
			kind, opening = "../docs/schema/test", "# Scenarios of "+strings.TrimSuffix(name, ".test.yaml")
		}
		if want := "# yaml-language-server: $schema=" + kind + ".schema.json\n" + opening; !strings.HasPrefix(string(data), want) {
			t.Errorf("%s begins with %.120q, want %q", name, data, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
