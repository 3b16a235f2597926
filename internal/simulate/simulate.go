// Package simulate runs scenarios (`tabi test`) in simulated time: the real interpreter, activities, data side and
// templates, with recording channels. Each scenario has its own in-memory database, the Temporal SDK's time-skipping test
// environment in place of a server, and a root workflow (driver.go) in place of the relay.
//
// The driver is a workflow because only workflows can wait on the environment's clock. It delivers outbox entries itself,
// one at a time, so that a scenario has one thread of time and takes the same course on every run.
package simulate

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/activities"
	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/scenario"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Options bound a scenario.
type Options struct {
	// Channels are those the journeys may send by; default: those that tabi ships.
	Channels []channel.Spec
	// Wall is the longest real time of a scenario; default 30 s.
	Wall time.Duration
	// Enrollments is the largest number of enrollments in one scenario; default 1,000.
	Enrollments int
	// Work is the largest number of activity calls (decide, send, report) in one scenario; default 200,000.
	Work int
	// Rendered is called with each message that a scenario renders; nil: nothing is.
	Rendered func(activities.Rendered)

	tamper func(*contract.Input) // tests change inputs,
	before func(activity string) // and activities
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

// Result is the result of a scenario.
type Result struct {
	Journey  string
	File     string
	Name     string
	Place    source.Place
	Passed   bool
	Failures []Failure
	Story    []Entry // in order of time
	// Assumed lists the consent that nobody gave, and that was taken for given where a message was sent: live it would be
	// blocked (NO_CONSENT).
	Assumed []string
	// Visited counts what was visited: journey → step → arm (empty: the step itself) → times.
	Visited  map[string]map[string]map[string]int
	Duration time.Duration // real time
}

// Failure is one difference from what the scenario expects, or the reason it could not continue.
type Failure struct {
	Place    source.Place  // in the scenario file; its Line is 0 if there is none
	At       time.Duration // in scenario time, from the start
	End      bool          // after the timeline, when every enrollment had ended
	What     string        // what was compared: outcome, sent, …; empty if the scenario could not continue
	Expected string
	Actual   string
	Message  string // in words
}

// Entry is one line of a scenario's log.
type Entry struct {
	At    time.Duration // in scenario time, from the start
	Text  string
	Place source.Place // of the line that caused it; its Line is 0 if none did
}

// Run runs one scenario of a test. Runs share nothing and may be concurrent. content must have been checked without
// errors. A panic below Run becomes a failure of the scenario.
func Run(ctx context.Context, content *journey.Content, test *scenario.File, scenario int, opts Options) (result Result) {
	opts = opts.withDefaults()
	s := &test.Scenarios[scenario]
	began := clock.Wall()
	result = Result{Journey: test.Journey, File: test.File, Name: s.Name, Place: s.Place}
	ctx, cancel := context.WithTimeoutCause(ctx, opts.Wall, fmt.Errorf("the scenario did not end within %s of real time", opts.Wall))
	defer cancel()
	w := &scenarioRun{ctx: ctx, opts: opts, test: test, scenario: s, content: content, visits: map[string]map[string]map[string]int{}}
	func() {
		defer func() {
			if r := recover(); r != nil {
				w.abort(fmt.Sprintf("the simulation failed: %v", r), string(debug.Stack()))
			}
		}()
		w.run()
	}()
	result.Failures, result.Story, result.Visited, result.Assumed = w.failures, w.log, w.visits, w.assumed
	result.Passed = len(w.failures) == 0
	result.Duration = clock.Wall().Sub(began)
	return result
}

// abort records that the scenario could not continue.
func (w *scenarioRun) abort(words, stack string) {
	if w.ctx.Err() != nil {
		words, stack = w.interrupted().Error(), ""
	}
	w.fail(Failure{Place: w.scenario.Place, Message: words + moduleFrames(stack)})
}

// moduleFrames returns the lines of a stack that are in this module, without those of the simulation.
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
