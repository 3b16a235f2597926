package simulate

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"maps"
	"slices"
	"time"

	"go.temporal.io/sdk/interceptor"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/activities"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/scenario"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/journey/template"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/workflows"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// clockFactor is the length of a virtual unit on the environment's clock: a virtual millisecond takes 50 ms there,
// with its moment in the middle. That leaves room before the moment for what precedes timers, and after it for what
// observes their effects.
const clockFactor = 50

// Offsets from a virtual moment on the environment's clock, at which things are done.
const (
	beforeTimers   = -20 * time.Millisecond // actions of the timeline: an event beats a timer due at the same moment
	beforeSchedule = -10 * time.Millisecond // entries by schedule
	afterTimers    = 10 * time.Millisecond  // expectations
)

// epoch is the start of scenarios on the environment's clock. Only the leases of sends read the wall clock besides
// it, and they never expire within a scenario.
var epoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

const year = 365 * 24 * time.Hour

// horizon bounds virtual time, a little beyond the longest duration of the language. After it the environment's clock
// would leave the range of timestamps.
const horizon = 110 * year

// scenarioRun is one running scenario.
type scenarioRun struct {
	ctx      context.Context
	opts     Options
	test     *scenario.File
	scenario *scenario.Scenario
	content  *journey.Content

	schedules  bool // some journey has entry by schedule
	clock      clock.Clock
	store      *engine.Engine
	env        *testsuite.TestWorkflowEnvironment
	activities *activityRunner
	faults     []scenario.Fault
	attempt    struct { // the fault drawn for one attempt to send, by the number of the activity call
		work  int
		fault *scenario.Fault
	}
	rootContext workflow.Context // context of the driver's workflow
	hasWork     bool             // something was committed since deliverAll last ran
	waking      bool             // a wake signal is on its way to the driver
	stopped     error            // why the scenario cannot continue
	canceling   bool             // enrollments are being canceled

	enrollments []*enrollment // in the order of their entry
	running     int
	work        int
	events      int

	sends    []sending
	rendered *activities.Rendered // by the activity that runs
	handoffs []string

	assuming []string        // consent that the activity that runs took for given
	assumed  []string        // consent that was taken for given where a message was sent
	told     map[string]bool // what is recorded once for a scenario

	failures []Failure
	log      []Entry
	visits   map[string]map[string]map[string]int
}

// run opens the scenario, lets the driver play the timeline, and checks the final expectation.
func (w *scenarioRun) run() {
	start := w.scenario.Start.Round(time.Millisecond)
	w.clock = clock.Clock{Origin: start.UTC(), Epoch: epoch, Slow: clockFactor}
	if err := w.open(start); err != nil {
		w.abort(err.Error(), "")
		return
	}
	defer func() {
		if err := w.store.Close(); err != nil {
			w.abort(err.Error(), "")
		}
	}()
	w.env.ExecuteWorkflow(w.play)
	if err := w.env.GetWorkflowError(); err != nil && w.stopped == nil {
		w.abort("the simulation failed: "+err.Error(), "")
	}
	if w.stopped != nil {
		w.abort(w.stopped.Error(), "")
		return
	}
	if w.scenario.Expect != nil {
		w.checkExpectation(w.scenario.Expect, true)
	}
}

// open creates the database with the customer, the activities and the environment.
func (w *scenarioRun) open(start time.Time) (err error) {
	w.ctx = sqldb.WithoutLast(w.ctx) // the database is its own: nothing in it is an act of who runs the scenario
	w.store, err = engine.Open(
		w.ctx,
		engine.Options{
			URL: ":memory:", Channels: w.opts.Channels, Scenario: true, Watch: w.watch(),
			Holdout: func(name, _ string, _ float64) bool { return w.scenario.Holdout && name == w.test.Journey },
		},
	)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.store.Close())
		}
	}()
	if err := w.store.Customers.SetClock(w.ctx, w.clock); err != nil {
		return err
	}
	released := *w.content
	released.Journeys = map[string]*journey.Definition{}
	for _, name := range slices.Concat([]string{w.test.Journey}, w.scenario.With) {
		if released.Journeys[name] = w.content.Journeys[name]; released.Journeys[name] == nil {
			return fmt.Errorf("there is no journey %q", name)
		}
		w.schedules = w.schedules || released.Journeys[name].Entry.Schedule != nil
	}
	before := start.Add(-time.Second) // so that what is due at the start is still ahead
	if _, err := w.store.Catalog.Publish(w.ctx, before, &released); err != nil {
		return err
	}
	if err := w.store.Customers.SetTraits(w.ctx, before, w.scenario.ID, maps.Clone(w.scenario.Customer)); err != nil {
		return err
	}
	w.activities = newActivityRunner(activities.New(activities.Config{
		Links: links,
		Rooms: activities.Rooms{
			Catalog: w.store.Catalog, Enrollments: w.store.Enrollments, Handoffs: w.store.Handoffs, Intake: w.store.Intake,
			Intents: w.store.Intents, Messages: w.store.Messages, Offers: w.store.Offers, Outbox: w.store.Outbox,
			Variables: w.store.Variables,
		}, Channels: w.channels(), Clock: w.clock, Now: w.virtual, Spread: w.spread, Call: answers(w.scenario.Calls),
		Specs: w.opts.Channels, LocalTimeout: w.opts.Wall, Timeout: w.opts.Wall, OddValue: w.oddValue, LeftOut: w.leftOut,
		Rendered: w.keepRendered,
	}))
	w.activities.before = w.opts.before
	suite := &testsuite.WorkflowTestSuite{}
	suite.SetLogger(silent)
	w.env = suite.NewTestWorkflowEnvironment()
	w.env.SetStartTime(epoch)
	w.env.SetTestTimeout(w.opts.Wall + 5*time.Second)
	w.env.SetWorkflowRunTimeout(0) // the default would end it after some days of virtual time
	w.env.SetWorkerOptions(
		worker.Options{
			Interceptors:             []interceptor.WorkerInterceptor{&sdkInterceptor{run: w}},
			DeadlockDetectionTimeout: w.opts.Wall + 5*time.Second,
		},
	)
	w.env.RegisterWorkflowWithOptions(workflows.Journey, workflow.RegisterOptions{Name: contract.JourneyType})
	return nil
}

var silent = sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))

// virtual returns the scenario's time.
func (w *scenarioRun) virtual(c clock.Clock) time.Time { return c.At(w.env.Now()) }

// spread returns how late the activity that runs is, in virtual time: up to a second, as in production, where two sends that are
// planned a day apart never run exactly a day apart. The same scenario has the same delays each time.
func (w *scenarioRun) spread() time.Duration { return delay(w.work) }

// delay returns the nth delay.
func delay(n int) time.Duration {
	h := fnv.New32a()
	_, _ = fmt.Fprint(h, n)
	return time.Duration(h.Sum32()%1000) * time.Millisecond
}

// now returns the scenario's time, and since the time since its start.
func (w *scenarioRun) now() time.Time       { return w.virtual(w.clock) }
func (w *scenarioRun) since() time.Duration { return w.now().Sub(w.clock.Origin) }

// stop ends the scenario early; the first reason counts.
func (w *scenarioRun) stop(err error) {
	if w.stopped == nil {
		w.stopped = err
	}
	w.wake()
}

// wake makes the driver look for work. There is one wake at a time, because the environment's queue is bounded.
func (w *scenarioRun) wake() {
	w.hasWork = true
	if !w.waking {
		w.waking = true
		w.env.SignalWorkflow(wakeSignal, nil)
	}
}

const wakeSignal = "wake"

// channels returns a recorder for every channel of this build.
func (w *scenarioRun) channels() map[string]channel.Channel {
	out := map[string]channel.Channel{}
	for _, spec := range w.opts.Channels {
		out[spec.Name] = &recorder{run: w, spec: spec}
	}
	return out
}

func (w *scenarioRun) fail(f Failure) {
	if f.At == 0 && w.env != nil {
		f.At = w.since()
	}
	f.Message = f.Words()
	w.failures = append(w.failures, f)
	if f.Expected != "" && !f.End {
		w.record(f.At, f.Place, "✗ %s: expected %s, got %s", f.What, f.Expected, f.Actual)
	}
}

// oddValue notes in the log that a template was rendered without a value.
func (w *scenarioRun) oddValue(field string, note template.Note) {
	w.record(w.since(), source.Place{}, "! template: %s, %s", field, note)
}

func (w *scenarioRun) record(at time.Duration, place source.Place, format string, args ...any) {
	w.log = append(w.log, Entry{At: at, Text: fmt.Sprintf(format, args...), Place: place})
}

// links make the unsubscribe links of scenarios. Nobody gets such a mail, so their secret is none.
var links = signedlink.Links{Secrets: signedlink.MustSecrets("links of scenarios lead nowhere")}
