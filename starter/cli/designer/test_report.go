package designer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/simulate"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

// testReport prints scenarios as they end, file by file.
type testReport struct {
	flags          testFlags
	found          *foundTests
	out            io.Writer
	passed, failed int
	left           int // not run, for the command was interrupted
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

// flush prints the current file.
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
	p := terminal.To(r.out)
	color := text.Colors{text.FgGreen}
	if failed > 0 {
		color = text.Colors{text.FgRed}
	}
	p.Paint(color, "%s  %s  %s  %.2fs", word, r.file[0].File, count, took.Seconds())
	r.assumed(p)
	for _, one := range r.file {
		if !one.Passed {
			_ = one.PrintFailures(r.out, r.found.line, r.flags.verbose)
		} else if r.flags.verbose {
			_ = one.PrintStory(r.out)
		}
	}
	r.file = nil
}

// assumed says which scenarios of the file passed only because consent that nobody gave counts as given.
func (r *testReport) assumed(p *terminal.Printer) {
	by := map[string][]string{}
	for _, one := range r.file {
		for _, rule := range one.Assumed {
			by[rule] = append(by[rule], one.Name)
		}
	}
	for _, rule := range slices.Sorted(maps.Keys(by)) {
		names := by[rule]
		what := fmt.Sprintf("%q sends", names[0])
		if len(names) > 1 {
			what = fmt.Sprintf("%d scenarios send", len(names))
		}
		p.Line("      consent assumed: %s by %s, which nobody gave; live it is NO_CONSENT", what, rule)
	}
}

// end prints the rest and returns the verdict.
func (r *testReport) end() error {
	r.flush()
	var coverage []simulate.Coverage
	if r.flags.coverage {
		for _, j := range r.found.journeys {
			coverage = append(coverage, simulate.Cover(j.content, j.names, r.results)...)
		}
	}
	if r.flags.junit != "" {
		if err := r.junit(); err != nil {
			return err
		}
	}
	if r.flags.output == "json" {
		if err := r.json(coverage); err != nil {
			return err
		}
	} else {
		r.text(coverage)
	}
	switch {
	case r.left > 0:
		return &app.ExitError{Code: app.ExitBad, Err: fmt.Errorf("interrupted: %d scenarios were not run", r.left)}
	case r.failed > 0:
		return app.Quiet(app.ExitBad)
	case r.flags.run != "" && len(r.found.tests) > 0 && r.passed == 0:
		return app.Usage("no scenario has a name that matches --run %q", r.flags.run)
	}
	return nil
}

func (r *testReport) text(coverage []simulate.Coverage) {
	p := terminal.To(r.out)
	for _, c := range coverage {
		p.Line("coverage  %s  %.1f%% (%d of %d steps and arms)", c.Journey, c.Percent(), c.Visited, c.All)
		for _, m := range c.Missing {
			p.Line("  %s", m)
		}
	}
	switch {
	case len(r.found.tests) == 0:
		p.Line("there are no scenarios here: write them in <journey>.test.yaml, next to the journey")
	}
	p.Line("%d passed, %d failed", r.passed, r.failed)
}

func (r *testReport) junit() (err error) {
	file, err := os.Create(r.flags.junit)
	if err != nil {
		return app.Usage("--junit: cannot write %s: %v", r.flags.junit, errors.Unwrap(err))
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return simulate.JUnit(file, r.results, r.found.line)
}

// jsonScenario is a result as JSON; times in scenarios are from the start, in seconds.
type jsonScenario struct {
	Journey  string        `json:"journey"`
	File     string        `json:"file"`
	Line     int           `json:"line"`
	Column   int           `json:"column"`
	Name     string        `json:"name"`
	Passed   bool          `json:"passed"`
	Seconds  float64       `json:"seconds"` // real
	Failures []jsonFailure `json:"failures"`
	// AssumedConsent lists rules of consent that nobody gave, and that counted as given: live they block (NO_CONSENT).
	AssumedConsent []string    `json:"assumed_consent,omitempty"`
	Story          []jsonEntry `json:"story"`
}

type jsonFailure struct {
	File     string  `json:"file"`
	Line     int     `json:"line"`
	Column   int     `json:"column"`
	At       float64 `json:"at"`
	What     string  `json:"what,omitempty"`
	Expected string  `json:"expected,omitempty"`
	Actual   string  `json:"actual,omitempty"`
	Message  string  `json:"message"`
}

type jsonEntry struct {
	At   float64 `json:"at"`
	Text string  `json:"text"`
}

type jsonCoverage struct {
	simulate.Coverage
	Percent float64 `json:"percent"`
}

func (r *testReport) json(coverage []simulate.Coverage) error {
	out := struct {
		Passed    int            `json:"passed"`
		Failed    int            `json:"failed"`
		NotRun    int            `json:"not_run,omitempty"`
		Seconds   float64        `json:"seconds"`
		Scenarios []jsonScenario `json:"scenarios"`
		Coverage  []jsonCoverage `json:"coverage,omitempty"`
	}{Passed: r.passed, Failed: r.failed, NotRun: r.left, Seconds: r.took.Seconds(), Scenarios: []jsonScenario{}}
	for _, one := range r.results {
		s := jsonScenario{
			Journey:  one.Journey,
			File:     one.File,
			Line:     one.Place.Line,
			Column:   one.Place.Column,
			Name:     one.Name,
			Passed:   one.Passed,
			Seconds:  one.Duration.Seconds(),
			Failures: []jsonFailure{},

			AssumedConsent: one.Assumed,
			Story:          []jsonEntry{},
		}
		for _, f := range one.Failures {
			s.Failures = append(
				s.Failures,
				jsonFailure{f.Place.File, f.Place.Line, f.Place.Column, f.At.Seconds(), f.What, f.Expected, f.Actual, f.Words()},
			)
		}
		for _, e := range one.Story {
			s.Story = append(s.Story, jsonEntry{e.At.Seconds(), e.Text})
		}
		out.Scenarios = append(out.Scenarios, s)
	}
	for _, c := range coverage {
		out.Coverage = append(out.Coverage, jsonCoverage{c, c.Percent()})
	}
	enc := json.NewEncoder(r.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(out)
}
