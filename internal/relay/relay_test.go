package relay

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// fake is a Temporal that records its calls, and answers as its functions do.
type fake struct {
	client.Client
	mu      sync.Mutex
	started []string // enrollments
	updated []string // event ids
	signals []string
	orders  []contract.Command // of the updates
	start   func() error
	update  func(ctx context.Context, id string) error
	signal  func() error
	runs    map[string]*workflowpb.WorkflowExecutionInfo // by workflow id
}

func (f *fake) ExecuteWorkflow(_ context.Context, o client.StartWorkflowOptions, _ any, args ...any) (client.WorkflowRun, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.started = append(f.started, args[0].(*contract.Input).Enrollment)
	if f.start != nil {
		return nil, f.start()
	}
	return nil, nil
}

func (f *fake) UpdateWorkflow(ctx context.Context, o client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := o.Args[0].(contract.Delivery)
	if o.UpdateID == e.ID { // a channel's own update may have this id: Temporal would answer it and not deliver
		return nil, errors.New("the update id is the bare event id")
	}
	f.updated = append(f.updated, e.ID)
	if e.Command != nil {
		f.orders = append(f.orders, *e.Command)
	}
	if f.update != nil {
		return done{}, f.update(ctx, e.ID)
	}
	return done{}, nil
}

func (f *fake) SignalWorkflow(_ context.Context, _, _, _ string, arg any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.signals = append(f.signals, arg.(contract.Delivery).ID)
	if f.signal != nil {
		return f.signal()
	}
	return nil
}

func (f *fake) DescribeWorkflow(_ context.Context, id, _ string) (*client.WorkflowExecutionDescription, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if info := f.runs[id]; info != nil {
		return &client.WorkflowExecutionDescription{
			RawResponse: &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: info},
		}, nil
	}
	return nil, serviceerror.NewNotFound("no run")
}

func (f *fake) seen(list *[]string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), *list...)
}

// run is a run of an enrollment as Temporal describes it.
func run(enrollment string, status enumspb.WorkflowExecutionStatus) *workflowpb.WorkflowExecutionInfo {
	payload, _ := converter.GetDefaultDataConverter().ToPayload(enrollment)
	return &workflowpb.WorkflowExecutionInfo{
		Status: status,
		Type:   &commonpb.WorkflowType{Name: contract.JourneyType},
		Memo:   &commonpb.Memo{Fields: map[string]*commonpb.Payload{contract.MemoEnrollment: payload}},
	}
}

// done is a completed update.
type done struct{ client.WorkflowUpdateHandle }

func (done) Get(context.Context, any) error { return nil }

const greeting = `journey: greeting
entry: {event: Hello, key: event.n}
goal: {event: Bye}
steps:
  - wait_for: {event: Answer}
    timeout: 1d
`

type bundle struct {
	t     *testing.T
	store *engine.Engine
	fake  *fake
	relay *Relay
}

func setup(t *testing.T, journeys ...string) *bundle {
	t.Helper()
	t.Parallel()
	s, err := engine.Open(t.Context(), engine.Options{URL: filepath.Join(t.TempDir(), "tabi.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	b := &bundle{t: t, store: s, fake: &fake{runs: map[string]*workflowpb.WorkflowExecutionInfo{}}}
	b.publish(append([]string{greeting}, journeys...)...)
	b.relay = New(
		Config{
			Outbox:        s.Outbox,
			Enrollments:   s.Enrollments,
			Committed:     s.Units.Committed(),
			Client:        b.fake,
			Poll:          5 * time.Millisecond,
			UpdateTimeout: 50 * time.Millisecond,
		},
	)
	return b
}

var at = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func (b *bundle) publish(journeys ...string) {
	b.t.Helper()
	var files []lint.File
	for _, text := range journeys {
		first, _, _ := strings.Cut(text, "\n")
		files = append(files, lint.File{Name: strings.TrimPrefix(first, "journey: ") + ".yaml", Data: []byte(text)})
	}
	content, problems := lint.Check(files, lint.Options{})
	if problems.Failed(false) {
		b.t.Fatal(problems)
	}
	if _, err := b.store.Catalog.Publish(b.t.Context(), at, content); err != nil {
		b.t.Fatal(err)
	}
}

// event ingests an event of ana and returns its receipt.
func (b *bundle) event(id, name string, properties map[string]any) customer.Receipt {
	b.t.Helper()
	got, err := b.store.Intake.Ingest(
		b.t.Context(),
		at,
		[]customer.SegmentCall{{Type: "track", MessageID: id, UserID: "ana", Event: name, Properties: properties}},
	)
	if err != nil {
		b.t.Fatal(err)
	}
	return got[0]
}

// play runs the relay until ok.
func (b *bundle) play(what string, ok func() bool) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.relay.Run(ctx) }()
	deadline := time.After(2 * time.Minute)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			cancel()
			b.t.Fatalf(
				"waited in vain for %s: started %v, updated %v, signalled %v",
				what,
				b.fake.seen(&b.fake.started),
				b.fake.seen(&b.fake.updated),
				b.fake.seen(&b.fake.signals),
			)
		case <-tick.C:
		}
	}
	cancel()
	if err := <-ended; err != nil {
		b.t.Fatal(err)
	}
}

func (b *bundle) pending() int64 {
	b.t.Helper()
	counts, err := b.store.Analytics.Counts(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return counts.Pending
}

func (b *bundle) settled() bool { return b.pending() == 0 }

func TestDeliversInOrder(t *testing.T) {
	b := setup(t)
	b.event("e1", "Hello", map[string]any{"n": "1"})
	for _, id := range []string{"a1", "a2", "a3"} {
		b.event(id, "Answer", nil)
	}
	b.play("all to be delivered", b.settled)
	if got := b.fake.seen(&b.fake.started); len(got) != 1 {
		t.Errorf("started %v", got)
	}
	if got := b.fake.seen(&b.fake.updated); len(got) != 3 || got[0] != "a1" || got[1] != "a2" || got[2] != "a3" {
		t.Errorf("updated %v", got)
	}
}

func TestFailedDeliveryIsRepeatedInPlace(t *testing.T) {
	b := setup(t)
	failures := 2
	b.fake.start = func() error {
		if failures--; failures >= 0 {
			return serviceerror.NewUnavailable("Temporal is away")
		}
		return nil
	}
	b.event("e1", "Hello", map[string]any{"n": "1"})
	b.event("a1", "Answer", nil)
	b.play("all to be delivered", b.settled)
	if got := b.fake.seen(&b.fake.started); len(got) != 3 {
		t.Errorf("started %v, want three tries", got)
	}
	if got := b.fake.seen(&b.fake.updated); len(got) != 1 {
		t.Errorf("updated %v: the event must come after the start, once", got)
	}
}

func TestFailingDeliveryDoesNotBlockOthers(t *testing.T) {
	b := setup(t)
	b.fake.update = func(_ context.Context, id string) error {
		if id == "a1" {
			return serviceerror.NewInternal("a bug")
		}
		return nil
	}
	b.event("e1", "Hello", map[string]any{"n": "1"})
	b.event("a1", "Answer", nil)
	b.play("the failing event to be tried", func() bool { return len(b.fake.seen(&b.fake.updated)) > 0 })
	b.event("e2", "Hello", map[string]any{"n": "2"})
	b.play("the other to start", func() bool { return len(b.fake.seen(&b.fake.started)) == 2 })
	if b.pending() == 0 {
		t.Error("the failing event was dropped")
	}
}

func TestAnswersToUpdates(t *testing.T) {
	for _, c := range []struct {
		name    string
		update  func(ctx context.Context, id string) error
		signal  func() error
		signals int
	}{
		{"rejected for good", func(context.Context, string) error {
			return temporal.NewNonRetryableApplicationError("taken before", contract.RejectDuplicate, nil)
		}, nil, 0},
		{"no worker answers", func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }, nil, 1},
		{"too many updates", func(context.Context, string) error {
			return serviceerror.NewResourceExhausted(enumspb.RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT, "too many")
		}, nil, 1},
		{"its workflow tasks fail", func(context.Context, string) error { return serviceerror.NewWorkflowNotReady("task failure") }, nil,
			1},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := setup(t)
			b.fake.update, b.fake.signal = c.update, c.signal
			b.event("e1", "Hello", map[string]any{"n": "1"})
			b.event("a1", "Answer", nil)
			b.play("the event to be delivered", b.settled)
			if got := b.fake.seen(&b.fake.signals); len(got) != c.signals {
				t.Errorf("signalled %v, want %d", got, c.signals)
			}
		})
	}
}

func TestSignalsForAWhileAfterUnansweredUpdates(t *testing.T) {
	b := setup(t)
	b.fake.update = func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }
	b.event("e1", "Hello", map[string]any{"n": "1"})
	for _, id := range []string{"a1", "a2", "a3", "a4", "a5"} {
		b.event(id, "Answer", nil)
	}
	b.play("all to be delivered", b.settled)
	if got := b.fake.seen(&b.fake.updated); len(got) != missedLimit {
		t.Errorf("tried %d updates, want %d", len(got), missedLimit)
	}
	if got := b.fake.seen(&b.fake.signals); len(got) != 5 {
		t.Errorf("signalled %v", got)
	}
}

func TestStartIsRepeatedUntilItsAddressIsFree(t *testing.T) {
	b := setup(t)
	b.fake.start = func() error { return serviceerror.NewWorkflowExecutionAlreadyStarted("there", "", "") }
	entered := b.event("e1", "Hello", map[string]any{"n": "1"}).Entered
	if len(entered) != 1 {
		t.Fatalf("entered %v", entered)
	}
	list, err := b.store.Enrollments.List(t.Context(), enrollment.Filter{WorkflowID: entered[0]})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	b.fake.runs[entered[0]] = run("another", enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING)
	b.play("the address to be found taken, twice", func() bool { return len(b.fake.seen(&b.fake.started)) >= 2 })
	if b.pending() == 0 {
		t.Fatal("the start was dropped while another enrollment held the address")
	}
	b.fake.mu.Lock()
	b.fake.runs[entered[0]] = run(list[0].ID, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING)
	b.fake.mu.Unlock()
	b.play("the start to be known as done", b.settled)
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	some := errors.New("some")
	if backoff(0, some) != 200*time.Millisecond || backoff(3, some) != 1600*time.Millisecond || backoff(99, some) != time.Minute ||
		backoff(99, errAddressTaken) != 2*time.Second {
		t.Error(backoff(0, some), backoff(3, some), backoff(99, some), backoff(99, errAddressTaken))
	}
}
