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
)

// load reads and checks a folder.
func load(t testing.TB, dir string) *journey.Content {
	t.Helper()
	var files []journey.File
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		data, err := os.ReadFile(path)
		files = append(files, journey.File{Root: filepath.ToSlash(dir), Name: filepath.ToSlash(path), Data: data})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return compile(t, files)
}

// compile checks files and ends the test on errors.
func compile(t testing.TB, files []journey.File) *journey.Content {
	t.Helper()
	content, found := journey.Check(files, journey.Options{Channels: channels.Specs()})
	if found.Failed(false) {
		var out strings.Builder
		_ = found.Text(&out)
		t.Fatalf("the folder has errors:\n%s", out.String())
	}
	return content
}

// everything are all scenarios of a folder.
func everything(content *journey.Content) []Job {
	var jobs []Job
	for _, name := range slices.Sorted(maps.Keys(content.Tests)) {
		for n := range content.Tests[name].Scenarios {
			jobs = append(jobs, Job{Content: content, Test: content.Tests[name], Scenario: n})
		}
	}
	return jobs
}
