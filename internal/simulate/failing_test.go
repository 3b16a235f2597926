package simulate

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file in testdata; real durations are left out.
func golden(t *testing.T, name, got string) {
	t.Helper()
	got = took.ReplaceAllString(got, "${1}0.00")
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); if that is right, run with -update:\n%s", path, diff)
	}
}

var took = regexp.MustCompile(`(\(|time=")\d+\.\d+`)

// failing are the results of the folder of scenarios that fail.
func failing(t *testing.T) (jobs []Job, results []Result, source Sources) {
	t.Helper()
	const dir = "testdata/failing"
	jobs = everything(load(t, dir))
	for _, r := range RunAll(t.Context(), jobs, 2, Options{}, nil) {
		results = append(results, *r)
	}
	source = func(file string, line int) string {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(string(data), "\n")[line-1]
	}
	return jobs, results, source
}

// What is shown of failures: the place, the line, expected and actual, and what had happened.
func TestFailures(t *testing.T) {
	t.Parallel()
	_, results, source := failing(t)
	var out strings.Builder
	for _, r := range results {
		if r.Passed != (r.Name == "this one is right") {
			t.Errorf("%s: passed is %v", r.Name, r.Passed)
		}
		if r.Passed {
			continue
		}
		if err := r.PrintFailures(&out, source, false); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "failing.txt", out.String())
}

func TestStory(t *testing.T) {
	t.Parallel()
	_, results, _ := failing(t)
	var out strings.Builder
	if err := results[1].PrintStory(&out); err != nil {
		t.Fatal(err)
	}
	golden(t, "story.txt", out.String())
}

func TestJUnit(t *testing.T) {
	t.Parallel()
	_, results, source := failing(t)
	var out strings.Builder
	if err := JUnit(&out, results, source); err != nil {
		t.Fatal(err)
	}
	golden(t, "junit.xml", out.String())
}

func TestCoverage(t *testing.T) {
	t.Parallel()
	jobs, results, _ := failing(t)
	var out strings.Builder
	for _, c := range Cover(jobs[0].Content, []string{"shaky"}, results) {
		if c.All != 19 || c.Visited != 9 {
			t.Errorf("%d of %d visited", c.Visited, c.All)
		}
		for _, m := range c.Missing {
			out.WriteString(m.String() + "\n")
		}
	}
	golden(t, "coverage.txt", out.String())
	none := Cover(jobs[0].Content, []string{"shaky", "unknown"}, nil)
	if len(none) != 1 || none[0].Visited != 0 || none[0].Percent() != 0 {
		t.Errorf("without results: %+v", none)
	}
}
