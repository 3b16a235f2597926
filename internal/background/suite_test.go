package background

import (
	"cmp"
	"context"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

var at = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

const greeting = `journey: greeting
entry: {event: Hello, key: event.n}
goal: {event: Bye}
steps:
  - wait_for: {event: Answer}
    timeout: 1d
`

// fake is a Temporal with some runs.
type fake struct {
	client.Client
	mu         sync.Mutex
	runs       map[string]*workflowpb.WorkflowExecutionInfo // by workflow id
	busy       map[string]bool                              // workflow ids whose run has a workflow task
	asked      func(id string)                              // before a run is described
	terminated []string                                     // workflow id/run id
	ends       map[string]ended                             // results, by workflow id
	earlier    map[string]*workflowpb.WorkflowExecutionInfo // earlier runs, by run id
	continued  map[string]string                            // run id → the run as which it continued
}

// ListWorkflow lists the runs, one a page.
func (f *fake) ListWorkflow(
	_ context.Context,
	in *workflowservice.ListWorkflowExecutionsRequest,
) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if in.GetQuery() != "WorkflowType = 'Journey' AND ExecutionStatus = 'Running'" {
		return nil, serviceerror.NewInvalidArgument("another query: " + in.GetQuery())
	}
	for _, id := range slices.Sorted(maps.Keys(f.runs)) {
		if id <= string(in.GetNextPageToken()) {
			continue
		}
		info := f.runs[id]
		info.Execution = &commonpb.WorkflowExecution{WorkflowId: id, RunId: "run"}
		return &workflowservice.ListWorkflowExecutionsResponse{
			Executions:    []*workflowpb.WorkflowExecutionInfo{info},
			NextPageToken: []byte(id),
		}, nil
	}
	return &workflowservice.ListWorkflowExecutionsResponse{}, nil
}

func (f *fake) TerminateWorkflow(_ context.Context, id, runID, _ string, _ ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.terminated = append(f.terminated, id+"/"+runID)
	delete(f.runs, id)
	return nil
}

// ended is a run that has ended: with a result, or with an error.
type ended struct {
	client.WorkflowRun
	result contract.Result
	err    error
}

func (e ended) Get(_ context.Context, out any) error {
	*out.(*contract.Result) = e.result
	return e.err
}

func (f *fake) GetWorkflow(_ context.Context, id, _ string) client.WorkflowRun { return f.ends[id] }

// history is the last event of a run that continued as new.
type history struct {
	client.HistoryEventIterator
	next string
}

func (h *history) HasNext() bool { return h.next != "" }

func (h *history) Next() (*historypb.HistoryEvent, error) {
	next := h.next
	h.next = ""
	return &historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_WorkflowExecutionContinuedAsNewEventAttributes{
		WorkflowExecutionContinuedAsNewEventAttributes: &historypb.WorkflowExecutionContinuedAsNewEventAttributes{NewExecutionRunId: next},
	}}, nil
}

func (f *fake) GetWorkflowHistory(
	_ context.Context,
	_, runID string,
	_ bool,
	_ enumspb.HistoryEventFilterType,
) client.HistoryEventIterator {
	return &history{next: f.continued[runID]}
}

func (f *fake) DescribeWorkflow(_ context.Context, id, runID string) (*client.WorkflowExecutionDescription, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.asked != nil {
		f.asked(id)
	}
	info := f.runs[id]
	if earlier := f.earlier[runID]; earlier != nil {
		info = earlier
	} else if runID != "" && runID != "run" {
		info = nil
	}
	if info != nil {
		info.Execution = &commonpb.WorkflowExecution{WorkflowId: id, RunId: cmp.Or(runID, "run")}
		out := &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: info}
		if f.busy[id] {
			out.PendingWorkflowTask = &workflowpb.PendingWorkflowTaskInfo{}
		}
		described := &client.WorkflowExecutionDescription{RawResponse: out}
		described.Status = info.Status
		return described, nil
	}
	return nil, serviceerror.NewNotFound("no run")
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

type suite struct {
	t     *testing.T
	store *engine.Engine
	fake  *fake
	cfg   Config // of the jobs, which are all off
}

func setup(t *testing.T) *suite {
	t.Helper()
	t.Parallel()
	s, err := engine.Open(t.Context(), engine.Options{URL: filepath.Join(t.TempDir(), "tabi.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	f := &fake{runs: map[string]*workflowpb.WorkflowExecutionInfo{}, busy: map[string]bool{}}
	return &suite{t: t, store: s, fake: f, cfg: Config{
		Enrollments: s.Enrollments, Starts: s.Outbox, Schedules: s.Enrollments, Intents: s.Intents, Offers: s.Offers, Client: f,
		ReconcileEvery: -1, ScheduleEvery: -1, IntentEvery: -1, LearnEvery: -1, PruneEvery: -1,
	}}
}

// publish releases files of journeys, by name.
func (s *suite) publish(files map[string]string) {
	s.t.Helper()
	var list []lint.File
	for name, text := range files {
		list = append(list, lint.File{Name: name, Data: []byte(text)})
	}
	content, problems := lint.Check(list, lint.Options{})
	if problems.Failed(false) {
		s.t.Fatal(problems)
	}
	s.release(content)
}

func (s *suite) release(content *journey.Content) {
	s.t.Helper()
	if _, err := s.store.Catalog.Publish(s.t.Context(), at, content); err != nil {
		s.t.Fatal(err)
	}
}

func (s *suite) ingest(calls ...customer.SegmentCall) []customer.Receipt {
	s.t.Helper()
	got, err := s.store.Intake.Ingest(s.t.Context(), at, calls)
	if err != nil {
		s.t.Fatal(err)
	}
	return got
}

// enters returns the enrollment of a customer who has just entered.
func (s *suite) enters() unit.Enrollment {
	s.t.Helper()
	s.publish(map[string]string{"greeting.yaml": greeting})
	return s.entersAs("1")
}

// entersAs is enters with a key.
func (s *suite) entersAs(key string) unit.Enrollment {
	s.t.Helper()
	got := s.ingest(customer.SegmentCall{Type: "track", MessageID: "e" + key, UserID: "ana", Event: "Hello",
		Properties: map[string]any{"n": key}})
	return s.enrollment(got[0].Entered[0])
}

// enrollment returns the latest enrollment at an address.
func (s *suite) enrollment(workflowID string) unit.Enrollment {
	s.t.Helper()
	list, err := s.store.Enrollments.List(s.t.Context(), enrollment.Filter{WorkflowID: workflowID})
	if err != nil {
		s.t.Fatal(err)
	}
	return list[0]
}

// reports sends the first report of an enrollment's run.
func (s *suite) reports(e unit.Enrollment, r contract.Report) {
	s.t.Helper()
	r.Ref, r.Seq = contract.Ref{Enrollment: e.ID, Chain: "chain", Journey: e.Journey, Revision: e.Revision}, 1
	if err := s.store.Enrollments.Report(s.t.Context(), at, r); err != nil {
		s.t.Fatal(err)
	}
}

func (s *suite) reconcile() Report {
	s.t.Helper()
	return s.reconcileAs(Options{})
}

func (s *suite) reconcileAs(o Options) Report {
	s.t.Helper()
	report, err := NewReconciler(ReconcilerConfig{
		Enrollments: s.store.Enrollments, Starts: s.store.Outbox, Client: s.fake, Home: s.cfg.Home,
	}).Reconcile(s.t.Context(), o)
	if err != nil {
		s.t.Fatal(err)
	}
	return report
}

// play runs the jobs until ok.
func (s *suite) play(what string, ok func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- New(s.cfg).Run(ctx) }()
	deadline := time.After(2 * time.Minute)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			cancel()
			s.t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
	cancel()
	if err := <-ended; err != nil {
		s.t.Fatal(err)
	}
}

// entered returns the enrollments of a journey.
func (s *suite) entered(name string) []unit.Enrollment {
	s.t.Helper()
	list, err := s.store.Enrollments.List(s.t.Context(), enrollment.Filter{Journey: name, Limit: 1000})
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}

// from returns a clock that is at a virtual moment now.
func from(moment time.Time, scale float64) clock.Clock {
	return clock.Clock{Origin: moment, Epoch: clock.Wall(), Scale: scale}
}

// offers is content with one action.
func offers(accept *journey.Accept) *journey.Content {
	return &journey.Content{
		Journeys: map[string]*journey.Definition{},
		Messages: map[string]*journey.Message{},
		Rules: journey.Rules{
			Groups:  map[string][]string{"offers": {"gift"}},
			Actions: map[string]*journey.Action{"gift": {Name: "gift", Group: "offers", Value: "1", Propensity: 0.5, Accept: accept}},
		},
	}
}

// decides decides inbound for ana.
func (s *suite) decides(moment time.Time, request string) {
	s.t.Helper()
	if _, err := s.store.Offers.DecideInbound(s.t.Context(), moment,
		offer.Inbound{UserID: "ana", Group: "offers", RequestID: request}); err != nil {
		s.t.Fatal(err)
	}
}
