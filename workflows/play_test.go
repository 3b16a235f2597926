package workflows

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/converter"
	tlog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

var testStart = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

// play is one enrollment in the test environment, where time is skipped, with the relay and support staff played
// by the test.
type play struct {
	*world
	t       testing.TB
	env     *testsuite.TestWorkflowEnvironment
	in      Input
	answers map[string]string // by update id: completed, or the type it was rejected with
	updates int
}

// journeyOf is a whole journey around steps. head may add keys.
func journeyOf(steps string, head ...string) string {
	text := "journey: j\nentry: {event: Start}\n"
	for _, h := range head {
		text += h + "\n"
	}
	return text + "steps:\n" + steps
}

// newPlay prepares an enrollment of the journey.
func newPlay(t testing.TB, source string) *play {
	t.Helper()
	prog, err := compile(source)
	if err != nil {
		t.Fatal(err)
	}
	return playOf(t, &world{prog: prog, start: testStart, customer: map[string]any{}}, nil, testStart)
}

// altered prepares an enrollment of a journey whose definition is changed by hand first.
func altered(t testing.TB, source string, alter func(d *journey.Definition)) *play {
	t.Helper()
	prog, err := compile(source)
	if err != nil {
		t.Fatal(err)
	}
	alter(prog.Definition)
	if prog, err = journey.NewProgram(prog.Definition); err != nil {
		t.Fatal(err)
	}
	return playOf(t, &world{prog: prog, start: testStart, customer: map[string]any{}}, nil, testStart)
}

func playOf(t testing.TB, w *world, in *Input, start time.Time) *play {
	t.Helper()
	prog := w.prog
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(tlog.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	p := &play{world: w, t: t, env: suite.NewTestWorkflowEnvironment(), answers: map[string]string{}}
	p.env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: time.Minute}) // a busy machine is no deadlock
	p.env.SetStartTime(start)
	p.now = p.env.Now
	p.env.SetTestTimeout(30 * time.Second)
	Register(p.env)
	p.register(p.env)
	if in != nil {
		p.in = *in
		return p
	}
	packed, err := journey.Pack(prog.Definition)
	if err != nil {
		t.Fatal(err)
	}
	p.in = Input{Input: contract.Input{
		Interpreter: contract.InterpreterVersion, Enrollment: "e-1", Journey: prog.Journey, Revision: prog.Definition.Revision(),
		Definition: packed, Customer: "ana", Draw: "ana",
		EnteredAt: testStart, EntryEvent: "entry-1", EntryName: "Start", Entry: rawJSON(map[string]any{"cart_id": "k1", "total": 120.0}),
	}}
	return p
}

// at does something at a moment after the run's start.
func (p *play) at(d time.Duration, do func()) { p.env.RegisterDelayedCallback(do, d) }

// update delivers by update, as the relay does.
func (p *play) update(id string, d contract.Delivery) {
	p.env.UpdateWorkflow(contract.DeliveryName, id, p.callbacks(id), d)
}

func (p *play) callbacks(id string) *testsuite.TestUpdateCallback {
	p.answers[id] = "lost"
	return &testsuite.TestUpdateCallback{
		OnAccept: func() {},
		OnReject: func(err error) { p.answers[id] = rejection(err) },
		OnComplete: func(_ any, err error) {
			p.answers[id] = "completed"
			if err != nil {
				p.answers[id] = err.Error()
			}
		},
	}
}

func rejection(err error) string {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return app.Type()
	}
	return err.Error()
}

// deliveryOf is an event for this enrollment.
func (p *play) deliveryOf(id, name string, properties map[string]any) contract.Delivery {
	return contract.Delivery{ID: id, Enrollment: p.in.Enrollment,
		Event: &contract.CustomerEvent{Name: name, Properties: rawJSON(properties)}}
}

// rawJSON encodes properties; nil for none.
func rawJSON(properties map[string]any) json.RawMessage {
	if len(properties) == 0 {
		return nil
	}
	raw, err := json.Marshal(properties)
	if err != nil {
		panic(err)
	}
	return raw
}

// scores delivers that a score changed without an event.
func (p *play) scores(id string) contract.Delivery {
	return contract.Delivery{ID: id, Enrollment: p.in.Enrollment, ScoresChanged: &contract.ScoresChanged{}}
}

// event comes at a moment, by the relay.
func (p *play) event(d time.Duration, id, name string, properties map[string]any) {
	p.at(d, func() { p.update(id, p.deliveryOf(id, name, properties)) })
}

// order is given by a person at a moment.
func (p *play) order(d time.Duration, kind string, c contract.Command) {
	p.updates++
	id := fmt.Sprintf("%s-%d", kind, p.updates)
	p.at(d, func() { p.env.UpdateWorkflow(kind, id, p.callbacks(id), c) })
}

// resolve is the result that an agent chooses.
func (p *play) resolve(d time.Duration, id, handoff, outcome string) {
	p.at(d, func() {
		p.update(
			id,
			contract.Delivery{ID: id, Enrollment: p.in.Enrollment,
				HandoffResult: &contract.HandoffResult{Handoff: p.in.Enrollment + "/" + handoff, Outcome: outcome, Agent: "kim"}},
		)
	})
}

// view asks where the enrollment is.
func (p *play) view() contract.State {
	p.t.Helper()
	value, err := p.env.QueryWorkflow(contract.StateQuery)
	if err != nil {
		p.t.Errorf("query: %v", err)
		return contract.State{}
	}
	var v contract.State
	if err := value.Get(&v); err != nil {
		p.t.Errorf("query: %v", err)
	}
	return v
}

// run runs to the end.
func (p *play) run() contract.Result {
	p.t.Helper()
	p.env.ExecuteWorkflow(Journey, p.in)
	if !p.env.IsWorkflowCompleted() {
		p.t.Fatal("the run did not end")
	}
	if err := p.env.GetWorkflowError(); err != nil {
		p.t.Fatalf("the run failed: %v", err)
	}
	var result contract.Result
	if err := p.env.GetWorkflowResult(&result); err != nil {
		p.t.Fatal(err)
	}
	return result
}

// renewed runs until the run continues as new, and returns the play of the next run, in the same world.
func (p *play) renewed() *play {
	p.t.Helper()
	p.env.ExecuteWorkflow(Journey, p.in)
	var next *workflow.ContinueAsNewError
	if err := p.env.GetWorkflowError(); !errors.As(err, &next) {
		p.t.Fatalf("it did not continue as new: %v", err)
	}
	var in Input
	if err := converter.GetDefaultDataConverter().FromPayloads(next.Input, &in); err != nil {
		p.t.Fatal(err)
	}
	if next.WorkflowType.Name != contract.JourneyType {
		p.t.Errorf("continues as workflow type %s", next.WorkflowType.Name)
	}
	return playOf(p.t, p.world, &in, p.env.Now())
}

// expect compares what the store knows with what should be.
func (p *play) expect(outcome string, result contract.Result, passed ...string) {
	p.t.Helper()
	if result.Outcome != outcome {
		p.t.Errorf("outcome %q (%s), want %q", result.Outcome, result.Reason, outcome)
	}
	if diff := cmp.Diff([]string{outcome}, p.ends()); diff != "" {
		p.t.Errorf("ends reported (-want +got):\n%s", diff)
	}
	p.same("steps passed", passed, p.passed())
	skipped := 0
	for _, line := range passed {
		if strings.HasSuffix(line, ": "+journey.ArmSkipped) {
			skipped++
		}
	}
	if result.Steps != len(passed)-skipped {
		p.t.Errorf("%d steps in the result, want %d", result.Steps, len(passed))
	}
	for i, r := range p.reports {
		if r.Seq != i+1 {
			p.t.Errorf("report %d has number %d", i+1, r.Seq)
		}
	}
}

func (p *play) same(what string, want, got []string) {
	p.t.Helper()
	if len(want) == 0 && len(got) == 0 {
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		p.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
