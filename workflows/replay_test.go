package workflows

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	tlog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/journeys"
)

var (
	record = flag.Bool("record", false, "record histories anew on a real server, into testdata/histories")
	binary = flag.String("temporal", "../bin/temporal", "the Temporal command line that -record starts")
)

const histories = "testdata/histories"

// histories of interpreter version 1 are called v1-<shape>.json.
func historyFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(histories + "/*.json")
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestReplay(t *testing.T) {
	t.Parallel()
	of := map[string]int{}
	for _, file := range historyFiles(t) {
		of[strings.SplitN(filepath.Base(file), "-", 2)[0]]++
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			if err := replay(file, Journey); err != nil {
				t.Errorf("the interpreter no longer replays what it has run; keep the old behaviour for old versions: %v", err)
			}
		})
	}
	for v := 1; v <= InterpreterVersion; v++ {
		if name := fmt.Sprintf("v%d", v); of[name] == 0 {
			t.Errorf("no history of interpreter version %d in %s: record one with -run TestRecordHistories -record", v, histories)
		}
	}
}

func replay(file string, as any) error {
	r := worker.NewWorkflowReplayer()
	r.RegisterWorkflowWithOptions(as, workflow.RegisterOptions{Name: JourneyType})
	return r.ReplayWorkflowHistoryFromJSONFile(tlog.NewStructuredLogger(slog.New(slog.DiscardHandler)), file)
}

// hasty is an interpreter that was changed: it orders a timer before all else.
func hasty(ctx workflow.Context, in Input) (Result, error) {
	workflow.NewTimer(ctx, time.Minute)
	return Journey(ctx, in)
}

func TestReplayNoticesAChangedInterpreter(t *testing.T) {
	t.Parallel()
	for _, file := range historyFiles(t) {
		if err := replay(file, hasty); err == nil {
			t.Errorf("%s: a timer more was not noticed", file)
		}
	}
}

// shape is a journey and what happens to one instance of it. do is called when the instance is parked for the nth time.
type shape struct {
	name    string
	source  string
	shipped string
	world   func(w *world)
	do      []func(s *session)
}

// session is one instance on a real server.
type session struct {
	t      *testing.T
	c      client.Client
	id     string
	in     Input
	events int
}

func (s *session) event(name string, properties map[string]any) {
	s.events++
	s.update(EventName, Event{ID: fmt.Sprintf("ev-%d", s.events), Name: name, Properties: properties, Enrolment: s.in.Enrolment})
}

func (s *session) resolve(step, outcome string) {
	s.events++
	s.update(EventName, Event{ID: fmt.Sprintf("ev-%d", s.events), Name: HandoffResolved, Enrolment: s.in.Enrolment,
		Handoff: s.in.Enrolment + "/" + step + "/1", Properties: map[string]any{"outcome": outcome, "agent": "kim"}})
}

func (s *session) update(name string, arg any) {
	h, err := s.c.UpdateWorkflow(context.Background(), client.UpdateWorkflowOptions{WorkflowID: s.id, UpdateName: name, Args: []any{arg}, WaitForStage: client.WorkflowUpdateStageCompleted})
	if err == nil {
		err = h.Get(context.Background(), nil)
	}
	if err != nil {
		s.t.Errorf("%s: %s: %v", s.id, name, err)
	}
}

func event(name string, properties map[string]any) func(*session) {
	return func(s *session) { s.event(name, properties) }
}

func give(kind string, c Command) func(*session) {
	return func(s *session) { s.update(kind, c) }
}

func stay(*session) {}

func shapes() []shape {
	k1 := map[string]any{"cart_id": "k1", "total": 120.0}
	retry := func(w *world) { w.send, w.deliver = answer(StatusRetry, ""), failing(1) }
	return []shape{
		{name: "cart-recovery", shipped: "cart-recovery", do: []func(*session){stay, event("Checkout Started", k1), event("Order Completed", k1)}},
		{name: "cart-recovery-silence", shipped: "cart-recovery"},
		{name: "delivery-apology", shipped: "delivery-apology", do: []func(*session){event("Message Received", map[string]any{"text": "never again"}), func(s *session) { s.resolve("care", "refunded") }}},
		{name: "assisted-purchase", shipped: "assisted-purchase", do: []func(*session){stay, event("Help Requested", nil), func(s *session) { s.resolve("advisor", "discount") }, event("Order Completed", k1)}},
		{name: "coupon-nudge", shipped: "coupon-nudge", do: []func(*session){stay, event("Coupon Redeemed", map[string]any{"campaign_id": "c1"})}},
		{name: "wait", source: journeyOf("  - {id: w, wait: 1h}\n")},
		{name: "wait_for", source: journeyOf(twoArms), do: []func(*session){event("Bought", map[string]any{"n": 1.0})}},
		{name: "branch-on-customer", source: journeyOf("  - {id: b, branch: [{when: customer.tier == \"gold\", then: [{exit: gold}]}], else: [{exit: tin}]}\n")},
		{name: "split", source: journeyOf("  - {id: ab, split: [{weight: 1, name: a, then: [{exit: a}]}, {weight: 1, name: b, then: [{exit: b}]}]}\n")},
		{name: "send-repeated", source: journeyOf(oneSend), world: retry},
		{name: "handoff-timed-out", source: journeyOf(oneHandoff)},
		{name: "set-and-go-to", source: journeyOf("  - {id: w, wait: 1h}\n  - {id: n, set: {vars.n: vars.n + 1, customer.n: vars.n}}\n  - {id: back, go_to: w, when: vars.n < 2}\n", "vars: {n: 0}")},
		{name: "paused-resumed", source: journeyOf("  - {id: w, wait_for: {event: A}, timeout: 9h}\n"), do: []func(*session){give(PauseUpdate, Command{By: "kim"}), func(s *session) {
			s.event("A", nil)
			s.update(ResumeUpdate, Command{})
		}}},
		{name: "skipped", source: journeyOf("  - {id: w, wait: 9d}\n  - {id: v, wait: 1h}\n"), do: []func(*session){give(SkipUpdate, Command{By: "kim"})}},
		{name: "cancelled", source: journeyOf("  - {id: w, wait: 9d}\n"), do: []func(*session){func(s *session) {
			if err := s.c.CancelWorkflow(context.Background(), s.id, ""); err != nil {
				s.t.Error(err)
			}
		}}},
		{name: "stray-signal", source: journeyOf("  - {id: w, wait: 5h}\n", "goal: {event: Bought}"), do: []func(*session){func(s *session) {
			if err := s.c.SignalWorkflow(context.Background(), s.id, "", EventName, Event{ID: "s1", Name: "Bought"}); err != nil {
				s.t.Error(err)
			}
		}}},
		{name: "goal-within", source: journeyOf("  - {id: w, wait: 1h}\n", "goal: {event: Bought, within: 5h}")},
	}
}

// program compiles the shape's journey.
func (s shape) program() (*journey.Program, error) {
	if s.shipped == "" {
		return compile(s.source)
	}
	var files []journey.File
	err := fs.WalkDir(journeys.Files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := journeys.Files.ReadFile(path)
		files = append(files, journey.File{Name: path, Data: data})
		return err
	})
	if err != nil {
		return nil, err
	}
	content, _ := journey.Check(files, journey.Options{Channels: testChannels})
	return journey.NewProgram(content.Journeys[s.shipped])
}

// TestRecordHistories runs every shape on a real server and saves its history. It does so only when asked, because what it saves is
// the record of what workers in the field have run.
func TestRecordHistories(t *testing.T) {
	t.Parallel()
	if !*record {
		return
	}
	ctx := context.Background()
	server, err := testsuite.StartDevServer(ctx, testsuite.DevServerOptions{ExistingPath: *binary, LogLevel: "error", ClientOptions: &client.Options{Logger: tlog.NewStructuredLogger(slog.New(slog.DiscardHandler))}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Stop() }()
	for _, s := range shapes() {
		t.Run(s.name, func(t *testing.T) { s.record(t, server.Client()) })
	}
}

func (s shape) record(t *testing.T, c client.Client) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	prog, err := s.program()
	if err != nil {
		t.Fatal(err)
	}
	packed, err := journey.Pack(prog.Definition)
	if err != nil {
		t.Fatal(err)
	}
	parked := make(chan struct{}, 100)
	w := &world{prog: prog, start: testStart, customer: map[string]any{}}
	w.report = func(_ int, r Report) error {
		if r.Parked != nil {
			parked <- struct{}{}
		}
		return nil
	}
	if s.world != nil {
		s.world(w)
	}
	serving := worker.New(c, "record-"+s.name, worker.Options{})
	Register(serving)
	w.register(serving)
	if err := serving.Start(); err != nil {
		t.Fatal(err)
	}
	defer serving.Stop()
	now := time.Now() //nolint:forbidigo // the record begins at the server's own time
	one := &session{t: t, c: c, id: s.name + "/ana", in: Input{
		Interpreter: InterpreterVersion, Enrolment: "e-1", Journey: prog.Journey, Revision: prog.Definition.Revision(), Definition: packed, Customer: "ana",
		Clock: journey.Clock{Origin: now, Epoch: now, Scale: 28800}, EnteredAt: now, EntryEvent: "entry-1", EntryName: "Start",
		Entry: map[string]any{"cart_id": "k1", "total": 120.0, "order_id": "o1", "campaign_id": "c1", "end": now.Add(96 * time.Hour).UTC().Format(time.RFC3339)},
	}}
	w.entry = one.in.Entry
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: one.id, TaskQueue: "record-" + s.name}, JourneyType, one.in)
	if err != nil {
		t.Fatal(err)
	}
	for _, do := range s.do {
		select {
		case <-parked:
		case <-ctx.Done():
			t.Fatal("it was not parked")
		}
		do(one)
	}
	if s.name == "stray-signal" {
		one.update(EventName, Event{ID: "s1", Name: "Bought", Enrolment: "e-1"})
	}
	err = run.Get(ctx, nil)
	if (err != nil) != (s.name == "cancelled") {
		t.Fatalf("ended with %v", err)
	}
	history := &history.History{}
	events := c.GetWorkflowHistory(ctx, one.id, run.GetRunID(), false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		if err != nil {
			t.Fatal(err)
		}
		history.Events = append(history.Events, e)
	}
	data, err := protojson.Marshal(history)
	if err != nil {
		t.Fatal(err)
	}
	var compact json.RawMessage = data
	if err := os.MkdirAll(histories, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(histories, fmt.Sprintf("v%d-%s.json", InterpreterVersion, s.name)), compact, 0o644); err != nil {
		t.Fatal(err)
	}
}
