// Package simulate runs scenarios: the journeys' own interpreter, activities, store and templates in simulated
// time, with channels that only remember. What the relay and Temporal do otherwise is done by the SDK's
// time-skipping environment and a root workflow, one of each per scenario.
package simulate

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/scenario"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Options bound a scenario.
type Options struct {
	// Channels are those the journeys may send by; default: those that tabi ships.
	Channels []channel.Spec
	// Wall is the longest a scenario may take in real time; default 30 s.
	Wall time.Duration
	// Enrollments is how many may be started in one scenario; default 1,000.
	Enrollments int
	// Work is how often the journeys may ask something of the world (decide, send, report) in one scenario;
	// default 200,000.
	Work int

	tamper func(*contract.Input) // tests break what starts,
	before func(activity string) // and what is done
}

func (o Options) withDefaults() Options {
	if o.Channels == nil {
		o.Channels = channels.Shipped().Specs()
	}
	o.Wall = cmp.Or(o.Wall, 30*time.Second)
	o.Enrollments = cmp.Or(o.Enrollments, 1000)
	o.Work = cmp.Or(o.Work, 200_000)
	return o
}

// Result is what came of a scenario.
type Result struct {
	Journey  string
	File     string
	Name     string
	Place    journey.Place
	Passed   bool
	Failures []Failure
	Story    []Entry // in the order it happened
	// Visited are the ways that were taken: journey → step → arm (empty: the step was entered) → how often.
	Visited  map[string]map[string]map[string]int
	Duration time.Duration // real
}

// Failure is what was not as the scenario says.
type Failure struct {
	Place    journey.Place // in the scenario file; its Line is 0 where there is none
	At       time.Duration // in scenario time, from the start
	End      bool          // behind the timeline, when every instance had ended
	What     string        // what was looked at: outcome, sent, …; empty where the scenario could not go on
	Expected string
	Actual   string
	Message  string // in words
}

// Entry is one thing that happened.
type Entry struct {
	At    time.Duration // in scenario time, from the start
	Text  string
	Place journey.Place // of the line that caused it; its Line is 0 where none did
}

// Run runs one scenario of a test. It shares nothing with other runs, and may run beside them. content must be
// checked without errors. A panic anywhere below becomes a failure of the scenario.
func Run(ctx context.Context, content *journey.Content, test *scenario.File, scenario int, opts Options) (result Result) {
	opts = opts.withDefaults()
	s := &test.Scenarios[scenario]
	began := clock.Wall()
	result = Result{Journey: test.Journey, File: test.File, Name: s.Name, Place: s.Place}
	ctx, cancel := context.WithTimeoutCause(ctx, opts.Wall, fmt.Errorf("it was not over after %s of real time", opts.Wall))
	defer cancel()
	w := &scenarioRun{ctx: ctx, opts: opts, test: test, scenario: s, content: content, visits: map[string]map[string]map[string]int{}}
	func() {
		defer func() {
			if r := recover(); r != nil {
				w.abort(fmt.Sprintf("the simulation broke: %v", r), string(debug.Stack()))
			}
		}()
		w.run()
	}()
	result.Failures, result.Story, result.Visited = w.failures, w.log, w.visits
	result.Passed = len(w.failures) == 0
	result.Duration = clock.Wall().Sub(began)
	return result
}

// abort notes that the scenario could not go on.
func (w *scenarioRun) abort(words, stack string) {
	if w.ctx.Err() != nil {
		words, stack = w.interrupted().Error(), ""
	}
	w.fail(Failure{Place: w.scenario.Place, Message: words + moduleFrames(stack)})
}

// moduleFrames tells of a stack the lines of this module, but those of the simulation.
func moduleFrames(stack string) string {
	var own []string
	for line := range strings.Lines(stack) {
		if line = strings.TrimSpace(line); strings.Contains(line, "tabi-journeys/tabi/") && strings.Contains(line, "(") &&
			!strings.Contains(line, "/internal/simulate.") {
			own = append(own, line[strings.LastIndex(line, "/")+1:])
		}
	}
	if len(own) == 0 {
		return ""
	}
	return " in " + strings.Join(own[:min(len(own), 3)], " < ")
}
