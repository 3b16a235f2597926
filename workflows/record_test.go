package workflows

import (
	"context"
	"encoding/json"
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
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	tlog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/journeys"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// shape is a journey and what happens to one enrollment of it. do is called when the enrollment is parked for
// the nth time.
type shape struct {
	name    string
	source  string
	shipped string
	world   func(w *world)
	do      []func(s *session)
	renews  bool // the server suggests to continue as new
}

// session is one enrollment on a real server.
type session struct {
	t      *testing.T
	c      client.Client
	id     string
	in     contract.Input
	world  *world
	events int
}

func (s *session) event(name string, properties map[string]any) {
	s.deliver(contract.Delivery{Event: &contract.CustomerEvent{Name: name, Properties: rawJSON(properties)}})
}

func (s *session) resolve(step, outcome string) {
	s.deliver(contract.Delivery{HandoffResult: &contract.HandoffResult{
		Handoff: s.in.Enrollment + "/" + step + "/1", Outcome: outcome, Agent: "kim"}})
}

func (s *session) scores() { s.deliver(contract.Delivery{ScoresChanged: &contract.ScoresChanged{}}) }

// deliver delivers as the relay does.
func (s *session) deliver(d contract.Delivery) {
	s.events++
	d.ID, d.Enrollment = fmt.Sprintf("ev-%d", s.events), s.in.Enrollment
	s.update(contract.DeliveryName, d)
}

func (s *session) update(name string, arg any) {
	h, err := s.c.UpdateWorkflow(
		context.Background(),
		client.UpdateWorkflowOptions{
			WorkflowID:   s.id,
			UpdateName:   name,
			Args:         []any{arg},
			WaitForStage: client.WorkflowUpdateStageCompleted,
		},
	)
	if err == nil {
		err = h.Get(context.Background(), nil)
	}
	if err != nil {
		s.t.Errorf("%s: %s: %v", s.id, name, err)
	}
}

// migrate orders the enrollment to go over to another revision.
func (s *session) migrate(source string, renamed map[string]string) {
	next, err := compile(source)
	if err != nil {
		s.t.Fatal(err)
	}
	packed, err := journey.Pack(next.Definition)
	if err != nil {
		s.t.Fatal(err)
	}
	s.world.mu.Lock()
	s.world.next = next
	s.world.mu.Unlock()
	s.deliver(contract.Delivery{Command: &contract.Command{
		Kind:       contract.MigrateOrder,
		By:         "mia",
		Revision:   next.Revision(),
		Definition: packed,
		Renamed:    renamed,
	}})
}

func event(name string, properties map[string]any) func(*session) {
	return func(s *session) { s.event(name, properties) }
}

func give(kind string, c contract.Command) func(*session) {
	return func(s *session) { s.update(kind, c) }
}

func stay(*session) {}

func shapes() []shape {
	k1 := map[string]any{"cart_id": "k1", "total": 120.0}
	retry := func(w *world) { w.send, w.deliver = answer(contract.StatusRetry, ""), failing(1) }
	return []shape{
		{
			name:    "cart-recovery",
			shipped: "cart-recovery",
			do:      []func(*session){stay, event("Checkout Started", k1), event("Order Completed", k1)},
		},
		{name: "cart-recovery-silence", shipped: "cart-recovery"},
		{
			name:    "delivery-apology",
			shipped: "delivery-apology",
			do: []func(*session){
				event("Message Received", map[string]any{"text": "never again"}),
				func(s *session) { s.resolve("care", "refunded") },
			},
		},
		{
			name:    "assisted-purchase",
			shipped: "assisted-purchase",
			do: []func(*session){
				stay,
				event("Help Requested", nil),
				func(s *session) { s.resolve("advisor", "discount") },
				event("Order Completed", k1),
			},
		},
		{
			name:    "coupon-nudge",
			shipped: "coupon-nudge",
			do:      []func(*session){stay, event("Coupon Redeemed", map[string]any{"campaign_id": "c1"})},
		},
		{name: "trip-rebooking", shipped: "trip-rebooking", do: []func(*session){
			event(
				"Flight Cancelled",
				map[string]any{
					"trip_id":     "t1",
					"flight":      "f1",
					"alternative": map[string]any{"flight": "f2", "departs": "2999-01-01T00:00:00Z"},
				},
			),
			event("Rebooking Accepted", map[string]any{"trip_id": "t1"}), event("Trip Completed", map[string]any{"trip_id": "t1"})}},
		{
			name:    "onboarding",
			shipped: "onboarding",
			do: []func(*session){
				stay,
				event("Project Created", nil),
				stay,
				event("Survey Answered", map[string]any{"score": 10.0}),
				event("Order Completed", k1),
			},
		},
		{name: "wait", source: journeyOf("  - {id: w, wait: 1h}\n")},
		{name: "wait_for", source: journeyOf(twoArms), do: []func(*session){event("Bought", map[string]any{"n": 1.0})}},
		{
			name:   "branch-on-customer",
			source: journeyOf("  - {id: b, branch: [{when: customer.tier == \"gold\", then: [{exit: gold}]}], else: [{exit: tin}]}\n"),
		},
		{
			name:   "split",
			source: journeyOf("  - {id: ab, split: [{weight: 1, name: a, then: [{exit: a}]}, {weight: 1, name: b, then: [{exit: b}]}]}\n"),
		},
		{name: "send-repeated", source: journeyOf(oneSend), world: retry},
		{name: "handoff-timed-out", source: journeyOf(oneHandoff)},
		{
			name: "set-and-go-to",
			source: journeyOf(
				"  - {id: w, wait: 1h}\n  - {id: n, set: {vars.n: vars.n + 1, customer.n: vars.n}}\n  - {id: back, go_to: w, when: "+
					"vars.n < 2}\n",
				"vars: {n: 0}",
			),
		},
		{
			name:   "paused-resumed",
			source: journeyOf("  - {id: w, wait_for: {event: A}, timeout: 9h}\n"),
			do: []func(*session){give(contract.PauseUpdate, contract.Command{By: "kim"}), func(s *session) {
				s.event("A", nil)
				s.update(contract.ResumeUpdate, contract.Command{})
			}},
		},
		{
			name:   "skipped",
			source: journeyOf("  - {id: w, wait: 9d}\n  - {id: v, wait: 1h}\n"),
			do:     []func(*session){give(contract.SkipUpdate, contract.Command{By: "kim"})},
		},
		{name: "cancelled", source: journeyOf("  - {id: w, wait: 9d}\n"), do: []func(*session){func(s *session) {
			if err := s.c.CancelWorkflow(context.Background(), s.id, ""); err != nil {
				s.t.Error(err)
			}
		}}},
		{
			name:   "stray-signal",
			source: journeyOf("  - {id: w, wait: 5h}\n", "goal: {event: Bought}"),
			do: []func(*session){func(s *session) {
				if err := s.c.SignalWorkflow(context.Background(), s.id, "", contract.EventName,
					contract.Event{ID: "s1", Name: "Bought"}); err != nil {
					s.t.Error(err)
				}
			}},
		},
		{
			name:   "woken-late",
			source: journeyOf("  - {id: w, wait: 1h}\n  - {id: f, wait_for: {event: A}, timeout: 9d}\n"),
			do: []func(*session){func(s *session) {
				s.deliver(contract.Delivery{
					Received: s.in.EnteredAt.AddDate(0, 0, 1), // after the moment the wait was due
					Event:    &contract.CustomerEvent{Name: "A"},
				})
			}},
		},
		{name: "clock-wait", source: journeyOf("  - {id: w, wait: {until: \"09:00\", days: [mon, tue, fri], timezone: Asia/Tokyo}}\n")},
		{name: "emit", source: journeyOf("  - {id: e, emit: Ping, properties: {n: 1}}\n  - {id: w, wait: 1h}\n")},
		{name: "call", source: journeyOf(oneCall), world: func(w *world) { w.call = ok(200, map[string]any{"risk": 0.9}) }},
		{name: "call-repeated", source: journeyOf(oneCall), world: func(w *world) { w.call = broken(1) }},
		{name: "call-failed", source: journeyOf(oneCall), world: func(w *world) { w.call = refused(404, "not found") }},
		{
			name:   "call-left",
			source: journeyOf(oneCall, "exit: [{event: Left}]"),
			world:  func(w *world) { w.call = broken(1000) },
			do:     []func(*session){event("Left", nil)},
		},
		{name: "activity", source: journeyOf(oneActivity), world: func(w *world) { w.reserve = reserved(map[string]any{"gift": true}) }},
		{name: "activity-repeated", source: journeyOf(oneActivity), world: func(w *world) { w.reserve = busy(1) }},
		{name: "activity-failed", source: journeyOf(oneActivity), world: func(w *world) { w.reserve = soldOut("SoldOut") }},
		{
			name:   "activity-left",
			source: journeyOf(oneActivity, "exit: [{event: Left}]"),
			world:  func(w *world) { w.reserve = busy(1000) },
			do:     []func(*session){event("Left", nil)},
		},
		{
			name:   "activity-renewed",
			renews: true,
			source: journeyOf("  - {id: n, set: {customer.n: 1}}\n  - {id: a, wait_for: {event: A}, timeout: 9d}\n" + oneActivity),
			do:     []func(*session){event("A", nil)},
			world:  func(w *world) { w.reserve = reserved(map[string]any{"gift": true}) },
		},
		{name: "skipped-step", source: journeyOf("  - {id: a, wait: 1h, when: customer.vip == true}\n  - {id: b, wait: 1h}\n")},
		{
			name: "reroute",
			source: journeyOf(
				"  - {id: h, handoff: care, timeout: 9d}\npaths:\n  recovery:\n    - {id: r, wait: 1h}\n",
				"reroute: [{event: Failed, go_to: recovery}]",
			),
			do: []func(*session){event("Failed", nil)},
		},
		{
			name:   "migrated",
			source: journeyOf(strings.ReplaceAll(before, "5h", "9d"), "vars: {kept: 1}"),
			do: []func(*session){event("A", map[string]any{"n": 1.0}), func(s *session) {
				s.migrate(journeyOf(after, "vars: {fresh: 3}"), map[string]string{"first": "one", "second": "two"})
			}, event("B", map[string]any{"n": 2.0})},
		},
		{name: "migrated-handoff", source: journeyOf(strings.ReplaceAll(oneHandoff, "4h", "9d")), do: []func(*session){func(s *session) {
			s.migrate(journeyOf("  - {id: desk, handoff: care, timeout: 4h}\n"), map[string]string{"h": "desk"})
		}, func(s *session) { s.resolve("h", "refunded") }}},
		{
			name:   "renewed",
			renews: true,
			source: journeyOf(
				"  - {id: a, wait_for: {event: A}, timeout: 9d}\n  - {id: b, wait_for: {event: B}, timeout: 9d}\n  - {id: w, wait: 1h}\n",
			),
			do: []func(*session){event("A", nil), event("B", nil)},
		},
		{name: "goal-within", source: journeyOf("  - {id: w, wait: 1h}\n", "goal: {event: Bought, within: 5h}")},
	}
}

// program compiles the shape's journey.
func (s shape) program() (*journey.Program, error) {
	if s.shipped == "" {
		return compile(s.source)
	}
	var files []lint.File
	err := fs.WalkDir(journeys.Files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := journeys.Files.ReadFile(path)
		files = append(files, lint.File{Name: path, Data: data})
		return err
	})
	if err != nil {
		return nil, err
	}
	content, _ := lint.Check(files, lint.Options{Channels: testChannels})
	return journey.NewProgram(content.Journeys[s.shipped])
}

// TestRecordHistories runs every shape on a real server and saves its history, only with -record.
func TestRecordHistories(t *testing.T) {
	t.Parallel()
	if !*record {
		return
	}
	plain, eager := devServer(t), devServer(t, "--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=8")
	for _, s := range append(shapes(), brainShapes()...) {
		t.Run(s.name, func(t *testing.T) {
			if s.renews {
				s.record(t, eager)
				return
			}
			s.record(t, plain)
		})
	}
}

// devServer starts a server that ends with the test.
func devServer(t *testing.T, args ...string) client.Client {
	t.Helper()
	server, err := testsuite.StartDevServer(context.Background(), testsuite.DevServerOptions{
		ExistingPath: *binary, LogLevel: "error", ExtraArgs: append([]string{"--search-attribute", contract.AttrRevision + "=Keyword"},
			args...),
		ClientOptions: &client.Options{Logger: tlog.NewStructuredLogger(slog.New(slog.DiscardHandler))},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	return server.Client()
}

// entryAhead is how far the entry of a recorded run lies ahead of its start. A second of the server is eight virtual hours in
// a record, so a run that entered "now" would be late for its first wait.
const entryAhead = 12 * time.Hour

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
	w := &world{
		prog:     prog,
		start:    testStart,
		customer: map[string]any{},
		events:   map[string]map[string]any{"ev-1": {"n": 1.0, "m": 7.0}},
		now:      time.Now,
	} //nolint:forbidigo // the server's own time
	w.report = func(_ int, r contract.Report) error {
		if r.Parked != nil {
			parked <- struct{}{}
		}
		return nil
	}
	now := time.Now() //nolint:forbidigo // the record begins at the server's own time
	w.clock = clock.Clock{Origin: now, Epoch: now, Scale: 28800}
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
	booking := worker.New(c, "booking", worker.Options{DisableWorkflowWorker: true}) // not tabi's
	booking.RegisterActivityWithOptions(w.doReserve, activity.RegisterOptions{Name: "ReserveSeat"})
	if err := booking.Start(); err != nil {
		t.Fatal(err)
	}
	defer booking.Stop()
	one := &session{t: t, c: c, world: w, id: s.name + "/ana", in: contract.Input{
		Interpreter: contract.InterpreterVersion, Enrollment: "e-1", Journey: prog.Journey, Revision: prog.Definition.Revision(),
		Definition: packed, Customer: "ana", Draw: "ana",
		Clock: w.clock, EnteredAt: now.Add(entryAhead), EntryEvent: "entry-1", EntryName: "Start",
		Entry: rawJSON(map[string]any{
			"cart_id":     "k1",
			"total":       120.0,
			"order_id":    "o1",
			"campaign_id": "c1",
			"trip_id":     "t1",
			"flight":      "f1",
			"departs":     "2998-01-01T00:00:00Z",
			"end":         now.Add(96 * time.Hour).UTC().Format(time.RFC3339),
		}),
	}}
	w.entry = contract.PropertyValues(one.in.Entry)
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: one.id, TaskQueue: "record-" + s.name}, contract.JourneyType, one.in)
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
		one.update(contract.DeliveryName,
			contract.Delivery{ID: "s1", Enrollment: "e-1", Event: &contract.CustomerEvent{Name: "Bought"}})
	}
	first := run.GetRunID() // Get goes on to the last of the chain
	err = run.Get(ctx, nil)
	if (err != nil) != (s.name == "cancelled") {
		t.Fatalf("ended with %v", err)
	}
	for n, next := 1, first; next != ""; n++ {
		name := fmt.Sprintf("v%d-%s.json", contract.InterpreterVersion, s.name)
		if n > 1 {
			name = fmt.Sprintf("v%d-%s-%d.json", contract.InterpreterVersion, s.name, n)
		}
		next = save(ctx, t, c, one.id, next, filepath.Join(histories, name))
	}
}

// save writes the history of one run to a file, and returns the run it continued as.
func save(ctx context.Context, t *testing.T, c client.Client, id, run, file string) (next string) {
	t.Helper()
	history := &history.History{}
	events := c.GetWorkflowHistory(ctx, id, run, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		if err != nil {
			t.Fatal(err)
		}
		history.Events = append(history.Events, e)
		if continued := e.GetWorkflowExecutionContinuedAsNewEventAttributes(); continued != nil {
			next = continued.GetNewExecutionRunId()
		}
	}
	data, err := protojson.Marshal(history)
	if err != nil {
		t.Fatal(err)
	}
	var compact json.RawMessage = data
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, compact, 0o644); err != nil {
		t.Fatal(err)
	}
	return next
}
