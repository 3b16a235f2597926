package designer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/journey/scenario"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/simulate"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

// testFlags are the flags of `tabi test`.
type testFlags struct {
	run, junit, output string
	verbose, coverage  bool
	jobs               int
}

func testCommand(b app.Build) *cobra.Command {
	var f testFlags
	c := &cobra.Command{
		Use: "test [PATH…]", Short: "Run the scenarios of journeys folders or files in simulated time (default: journeys)",
		Long: "Lints the folder, then runs the scenarios of its *.test.yaml files in simulated time: with the real interpreter, a store " +
			"in memory, and channels that only record sends. A path may be a folder, a scenario file, or a journey, whose scenarios " +
			"are run. A failure is shown at its line, with the events up to it.\n\n" +
			"Exit status: 0 all passed, 1 a scenario failed or the folder has errors, 2 wrong usage.",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"journeys"}
			}
			return f.test(c, b, args)
		},
	}
	c.Flags().StringVar(&f.run, "run", "", "run only scenarios whose names match this regular expression")
	c.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "show what happened in every scenario")
	c.Flags().BoolVar(&f.coverage, "coverage", false, "list the steps and arms that no scenario visits")
	c.Flags().StringVar(&f.junit, "junit", "", "write a JUnit report (XML) to this file")
	c.Flags().IntVar(&f.jobs, "jobs", 0, "number of scenarios to run at once; 0: one per processor")
	terminal.OutputFlag(c, &f.output)
	return c
}

func (f testFlags) test(c *cobra.Command, b app.Build, paths []string) error {
	names, err := regexp.Compile(f.run)
	if err != nil {
		return app.Usage("--run is not a regular expression: %v", err)
	}
	if f.output != "text" && f.output != "json" {
		return app.Usage("--output is %q: give text or json", f.output)
	}
	if f.jobs < 0 {
		return app.Usage("--jobs is %d: give 0 or more", f.jobs)
	}
	found, err := findTests(b, paths)
	if err != nil {
		return err
	}
	if len(found.errors) > 0 {
		if err := terminal.Diagnostics(c.ErrOrStderr(), "text", found.errors); err != nil {
			return err
		}
		return &app.ExitError{Code: app.ExitBad, Err: errors.New("nothing was run: fix the errors first")}
	}
	report := &testReport{flags: f, found: found, out: c.OutOrStdout()}
	var jobs []simulate.Job
	for _, t := range found.tests {
		for n, s := range t.test.Scenarios {
			if names.MatchString(s.Name) {
				jobs = append(jobs, simulate.Job{Content: t.content, Test: t.test, Scenario: n})
			}
		}
	}
	debug.SetGCPercent(400) // many short lives: memory is cheaper than collecting it
	began := clock.Wall()
	results := simulate.RunAll(c.Context(), jobs, f.jobs, simulate.Options{Channels: b.Specs()}, report.add)
	report.took = clock.Wall().Sub(began)
	report.left = len(results) - report.passed - report.failed
	return report.end()
}

// foundTests are the scenarios to run.
type foundTests struct {
	errors   source.Diagnostics
	tests    []foundTest
	journeys []foundJourneys
	sources  map[string][]byte
}

// foundJourneys are the journeys of a folder whose coverage is requested.
type foundJourneys struct {
	content *journey.Content
	names   []string
}

type foundTest struct {
	content *journey.Content
	test    *scenario.File
}

// findTests reads and checks the folders of all paths, and returns the scenarios to run.
func findTests(b app.Build, paths []string) (*foundTests, error) {
	out := &foundTests{sources: map[string][]byte{}}
	type folder struct {
		content *journey.Content
		tests   map[string]*scenario.File
		found   source.Diagnostics
	}
	folders := map[string]*folder{}
	seen := map[string]bool{}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, app.Usage("cannot read %s: no such file or folder, or no permission", path)
		}
		root, only := filepath.Clean(path), ""
		if !info.IsDir() {
			if ext := filepath.Ext(path); ext != ".yaml" && ext != ".yml" {
				return nil, app.Usage("%s is not a YAML file", path)
			}
			root = app.FolderOf(path)
			only = strings.TrimSuffix(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), ".test")
		}
		if folders[root] == nil {
			files, err := app.ReadFolder(root)
			if err != nil {
				return nil, err
			}
			if len(files) == 0 {
				return nil, app.Usage("there is no YAML file in %s", root)
			}
			for _, file := range files {
				out.sources[file.Name] = file.Data
			}
			content, tests, diagnostics := b.CheckScenarios(files)
			folders[root] = &folder{content, tests, diagnostics}
			for _, d := range diagnostics {
				if d.Severity == source.Error {
					out.errors = append(out.errors, d)
				}
			}
		}
		content := folders[root].content
		out.cover(content, only)
		if _, known := content.Journeys[only]; only != "" && !known && len(out.errors) == 0 {
			return nil, app.Usage("%s is neither a journey nor a scenario file", path)
		}
		for _, name := range slices.Sorted(maps.Keys(folders[root].tests)) {
			if only != "" && name != only || seen[root+"\x00"+name] {
				continue
			}
			seen[root+"\x00"+name] = true
			out.tests = append(out.tests, foundTest{content, folders[root].tests[name]})
		}
	}
	slices.SortStableFunc(out.tests, func(a, b foundTest) int { return strings.Compare(a.test.File, b.test.File) })
	return out, nil
}

// cover adds a journey, or all journeys of a folder, to those whose coverage is requested.
func (f *foundTests) cover(content *journey.Content, only string) {
	i := slices.IndexFunc(f.journeys, func(j foundJourneys) bool { return j.content == content })
	if i < 0 {
		i = len(f.journeys)
		f.journeys = append(f.journeys, foundJourneys{content: content})
	}
	for name := range content.Journeys {
		if (only == "" || name == only) && !slices.Contains(f.journeys[i].names, name) {
			f.journeys[i].names = append(f.journeys[i].names, name)
		}
	}
}

// line finds a line of a file that was read.
func (f *foundTests) line(file string, line int) string {
	lines := bytes.Split(f.sources[file], []byte("\n"))
	if line < 1 || line > len(lines) {
		return ""
	}
	return strings.TrimSuffix(string(lines[line-1]), "\r")
}

// Failing runs the scenarios of a journeys folder without errors, and returns the failed ones as "file: name" with how many there
// are. It returns nothing once ctx has ended.
func Failing(ctx context.Context, b app.Build, files []lint.File) (failed []string, total int) {
	content, tests, _ := b.CheckScenarios(files)
	var jobs []simulate.Job
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		for n := range tests[name].Scenarios {
			jobs = append(jobs, simulate.Job{Content: content, Test: tests[name], Scenario: n})
		}
	}
	for _, r := range simulate.RunAll(ctx, jobs, 1, simulate.Options{Channels: b.Specs()}, nil) {
		if ctx.Err() != nil {
			return nil, 0
		}
		if !r.Passed {
			failed = append(failed, fmt.Sprintf("%s: %s", r.File, r.Name))
		}
	}
	return failed, len(jobs)
}
