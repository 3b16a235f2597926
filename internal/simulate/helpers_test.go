package simulate

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/journey/scenario"
)

// checkedFolder is a folder of journeys with its scenario files.
type checkedFolder struct {
	*journey.Content
	tests map[string]*scenario.File
}

// load reads and checks a folder.
func load(t testing.TB, dir string) checkedFolder {
	t.Helper()
	var files []lint.File
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		data, err := os.ReadFile(path)
		files = append(files, lint.File{Root: filepath.ToSlash(dir), Name: filepath.ToSlash(path), Data: data})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return compile(t, files)
}

// compile checks files and ends the test on errors.
func compile(t testing.TB, files []lint.File) checkedFolder {
	t.Helper()
	content, tests, found := scenario.Check(files, lint.Options{Channels: channels.Shipped().Specs()})
	if found.Failed(false) {
		var out strings.Builder
		_ = found.Text(&out)
		t.Fatalf("the folder has errors:\n%s", out.String())
	}
	return checkedFolder{content, tests}
}

// everything are all scenarios of a folder.
func everything(f checkedFolder) []Job {
	var jobs []Job
	for _, name := range slices.Sorted(maps.Keys(f.tests)) {
		for n := range f.tests[name].Scenarios {
			jobs = append(jobs, Job{Content: f.Content, Test: f.tests[name], Scenario: n})
		}
	}
	return jobs
}
