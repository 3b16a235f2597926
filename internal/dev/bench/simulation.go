package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"runtime"
	"time"

	"go.temporal.io/sdk/activity"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/journey/scenario"
	"github.com/tabi-journeys/tabi/internal/simulate"
	"github.com/tabi-journeys/tabi/journeys"
)

// simulationPart measures simulated customers of the shipped journey cart-recovery per second, in turns with a
// hand-written workflow in the SDK's test environment, on which simulation is built.
func simulationPart(ctx context.Context, b *bench, _ *server, out *section) error {
	c, err := shipped()
	if err != nil {
		return err
	}
	var simulated, bare, used []float64
	for round := range b.rounds + 1 { // the first is warm-up
		jobs := customersOf(c, b.simulated)
		began, cpu := clock.Wall(), ownCPUTime()
		for _, r := range simulate.RunAll(ctx, jobs, runtime.GOMAXPROCS(0), simulate.Options{}, nil) {
			switch {
			case r == nil:
				return context.Cause(ctx)
			case !r.Passed || len(r.Visited["cart-recovery"]) == 0:
				return fmt.Errorf("customer %s was not simulated", r.Name)
			}
		}
		rate := float64(b.simulated) / clock.Wall().Sub(began).Seconds()
		each := milliseconds(ownCPUTime()-cpu) / float64(b.simulated)
		began = clock.Wall()
		if err := eachOf(ctx, jobs, runtime.GOMAXPROCS(0), func(context.Context, simulate.Job) error {
			return bareSimulation()
		}); err != nil {
			return err
		}
		base := float64(b.simulated) / clock.Wall().Sub(began).Seconds()
		if round > 0 {
			simulated, bare, used = append(simulated, rate), append(bare, base), append(used, each)
			b.logf("simulation, round %d: %.0f customers/s, %.1f ms of CPU each, bare %.0f", round, rate, each, base)
		}
	}
	const hand = "by hand in the SDK's test environment"
	out.putComparison("simulated customers of cart-recovery", simulated, "customers/s", hand, bare)
	out.putRounds("simulated customers of cart-recovery", used, "ms CPU/customer")
	out.putRounds(hand, bare, "customers/s")
	return nil
}

// shipped returns the journeys of this tree.
func shipped() (*journey.Content, error) {
	var files []lint.File
	err := fs.WalkDir(journeys.Files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !lint.IsSource(path) {
			return err
		}
		data, err := journeys.Files.ReadFile(path)
		files = append(files, lint.File{Root: ".", Name: path, Data: data})
		return err
	})
	if err != nil {
		return nil, err
	}
	c, found := app.Build{}.Check(files)
	if found.Failed(false) {
		return nil, errors.New("the shipped journeys do not lint: see tabi lint")
	}
	return c, nil
}

// customersOf returns customers, each a scenario of its own: a third stays to the end, a third orders after the
// reminder, a third empties the cart.
func customersOf(c *journey.Content, n int) []simulate.Job {
	event := func(at time.Duration, name string, total float64) scenario.Line {
		return scenario.Line{
			At:    at,
			Event: &scenario.Event{Name: name, Properties: map[string]any{"cart_id": "k", "total": total, "items": []any{"tea", "cup"}}},
		}
	}
	test := &scenario.File{Journey: "cart-recovery", File: "cart-recovery.test.yaml"}
	jobs := make([]simulate.Job, n)
	for i := range jobs {
		id := fmt.Sprintf("c%06d", i)
		about := traits(id)
		about["timezone"] = "Asia/Tokyo"
		s := scenario.Scenario{
			Name:     id,
			ID:       id,
			Start:    scenario.DefaultStart,
			Customer: about,
			Timeline: []scenario.Line{event(0, "Cart Updated", float64(60+i%200))},
		}
		switch i % 3 {
		case 1:
			s.Timeline = append(s.Timeline, event(2*time.Hour, "Order Completed", 90))
		case 2:
			s.Timeline = append(s.Timeline, event(30*time.Minute, "Cart Emptied", 0))
		}
		test.Scenarios = append(test.Scenarios, s)
		jobs[i] = simulate.Job{Content: c, Test: test, Scenario: i}
	}
	return jobs
}

// bareSimulation runs journey `ten-steps` written by hand: five delays, each followed by an activity.
func bareSimulation() error {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.RegisterWorkflowWithOptions(plainTen, workflow.RegisterOptions{Name: "ten-steps"})
	env.RegisterActivityWithOptions(
		func(context.Context, message) (string, error) { return "sent", nil },
		activity.RegisterOptions{Name: "Send"},
	)
	env.ExecuteWorkflow("ten-steps", handInput{})
	return env.GetWorkflowError()
}
