package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/simulate"
)

// testFlags are what `tabi test` is told.
type testFlags struct {
	run, junit, output string
	verbose, coverage  bool
	jobs               int
}

func testCommand() *cobra.Command {
	var f testFlags
	c := &cobra.Command{
		Use: "test [PATH…]", Short: "Run the scenarios of journeys folders or files in simulated time (default: journeys)",
		Long: "Checks the folder, then runs the scenarios of its *.test.yaml files in simulated time: on the interpreter itself, with a store in memory, and channels " +
			"that only remember. A file is a scenario file, or a journey whose scenarios are meant. A failure is shown at its line, with what had happened until then.\n\n" +
			"Exit status: 0 all passed, 1 a scenario failed or the folder has errors, 2 wrong usage.",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"journeys"}
			}
			return f.test(c, args)
		},
	}
	c.Flags().StringVar(&f.run, "run", "", "run the scenarios whose names match this regular expression only")
	c.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "tell what happened in every scenario")
	c.Flags().BoolVar(&f.coverage, "coverage", false, "list the steps and arms that no scenario visits")
	c.Flags().StringVar(&f.junit, "junit", "", "write a JUnit report (XML) to this file")
	c.Flags().IntVar(&f.jobs, "jobs", 0, "scenarios run at once; 0: as many as there are processors")
	outputFlag(c, &f.output)
	return c
}

func (f testFlags) test(c *cobra.Command, paths []string) error {
	names, err := regexp.Compile(f.run)
	if err != nil {
		return app.Usage("--run is no regular expression: %v", err)
	}
	if f.output != "text" && f.output != "json" {
		return app.Usage("--output is %q: give text or json", f.output)
	}
	if f.jobs < 0 {
		return app.Usage("--jobs is %d: give 0 or more", f.jobs)
	}
	found, err := findTests(paths)
	if err != nil {
		return err
	}
	if len(found.errors) > 0 {
		if err := printDiagnostics(c.ErrOrStderr(), "text", found.errors); err != nil {
			return err
		}
		return &app.ExitError{Code: app.ExitBad, Err: errors.New("nothing was run: mend the errors first")}
	}
	report := &testReport{flags: f, sources: found.line, out: c.OutOrStdout()}
	var jobs []simulate.Job
	for _, t := range found.tests {
		for n, s := range t.test.Scenarios {
			if names.MatchString(s.Name) {
				jobs = append(jobs, simulate.Job{Content: t.content, Test: t.test, Scenario: n})
			}
		}
	}
	began := clock.Wall()
	results := simulate.RunAll(c.Context(), jobs, f.jobs, simulate.Options{}, report.add)
	report.took = clock.Wall().Sub(began)
	report.left = len(results) - report.passed - report.failed
	return report.end(found)
}

// testFolder is what there is to run.
type foundTests struct {
	errors  journey.Diagnostics
	tests   []foundTest
	sources map[string][]byte
}

type foundTest struct {
	content *journey.Content
	test    *journey.Test
}

// findTests reads and checks the folders of all paths, and finds the scenarios that are meant.
func findTests(paths []string) (*foundTests, error) {
	out := &foundTests{sources: map[string][]byte{}}
	type folder struct {
		content *journey.Content
		found   journey.Diagnostics
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
				return nil, app.Usage("%s is no YAML file", path)
			}
			root = rootOf(path)
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
			content, diagnostics := app.Check(files)
			folders[root] = &folder{content, diagnostics}
			for _, d := range diagnostics {
				if d.Severity == journey.Error {
					out.errors = append(out.errors, d)
				}
			}
		}
		content := folders[root].content
		if _, known := content.Journeys[only]; only != "" && !known && len(out.errors) == 0 {
			return nil, app.Usage("%s is neither a journey nor its scenarios", path)
		}
		for _, name := range slices.Sorted(mapKeys(content.Tests)) {
			if only != "" && name != only || seen[root+"\x00"+name] {
				continue
			}
			seen[root+"\x00"+name] = true
			out.tests = append(out.tests, foundTest{content, content.Tests[name]})
		}
	}
	slices.SortStableFunc(out.tests, func(a, b foundTest) int { return strings.Compare(a.test.File, b.test.File) })
	return out, nil
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
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

// testReport tells of scenarios as they end, file by file.
type testReport struct {
	flags          testFlags
	sources        simulate.Sources
	out            io.Writer
	passed, failed int
	left           int
	took           time.Duration
	results        []simulate.Result
	file           []simulate.Result // of the file at hand
}

func (r *testReport) add(_ int, result simulate.Result) {
	if len(r.file) > 0 && r.file[0].File != result.File {
		r.flush()
	}
	r.file = append(r.file, result)
	r.results = append(r.results, result)
	if result.Passed {
		r.passed++
	} else {
		r.failed++
	}
}

// flush tells of the file at hand.
func (r *testReport) flush() {
	if len(r.file) == 0 || r.flags.output == "json" {
		return
	}
	var passed, failed int
	var took time.Duration
	for _, one := range r.file {
		took += one.Duration
		if one.Passed {
			passed++
		} else {
			failed++
		}
	}
	word, count := "ok  ", fmt.Sprintf("%d passed", passed)
	if failed > 0 {
		word, count = "FAIL", fmt.Sprintf("%d passed, %d failed", passed, failed)
	}
	p := &printer{r.out}
	p.line("%s  %s  %s  %.2fs", word, r.file[0].File, count, took.Seconds())
	for _, one := range r.file {
		switch {
		case !one.Passed:
			_ = one.PrintFailures(r.out, r.sources)
		case r.flags.verbose:
			p.line("--- ok: %s (%.2fs)", one.Name, one.Duration.Seconds())
			_ = one.PrintStory(r.out)
		}
	}
	r.file = nil
}

// end tells of the rest, and gives the verdict.
func (r *testReport) end(found *foundTests) error {
	r.flush()
	p := &printer{r.out}
	if r.passed+r.failed+r.left == 0 {
		if len(found.tests) == 0 {
			p.line("there are no scenarios here: write some in <journey>.test.yaml, beside the journey")
		} else {
			p.line("no scenario has a name that --run matches")
		}
	}
	if r.flags.output == "text" {
		p.line("%d passed, %d failed", r.passed, r.failed)
	}
	switch {
	case r.left > 0:
		return &app.ExitError{Code: app.ExitBad, Err: fmt.Errorf("interrupted: %d scenarios were not run", r.left)}
	case r.failed > 0:
		return app.Quiet(app.ExitBad)
	}
	return nil
}
