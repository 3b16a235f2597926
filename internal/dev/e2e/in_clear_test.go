package e2e

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	querypb "go.temporal.io/api/query/v1"
	updatepb "go.temporal.io/api/update/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/codec"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// walk is a journey that leaves traces of many kinds in a history: values, a call that fails, timers, a hand-off.
func walk(url string) string {
	return lines(
		`journey: walk`,
		`entry: {event: Start, key: event.k}`,
		`goal: {event: Bought}`,
		`timeout: 60d`,
		`steps:`,
		`  - {id: note, set: {customer.seen: "entry.text"}}`,
		`  - {id: ask, call: {url: "`+url+`/{{ entry.text }}", timeout: 1s}, on_failure: [{go_to: person}]}`,
		`paths:`,
		`  person:`,
		`    - {id: help, handoff: support, note: "{{ customer.first_name }} wrote {{ entry.text }}", timeout: 20d}`,
		`    - {id: last, wait_for: {event: Answered, when: event.k == entry.k}, timeout: 20d}`,
	)
}

// With encryption and pseudonyms on, whoever reads Temporal without keys reads no customer: neither in histories nor in descriptions,
// pending activities, query results, rejected updates and failures. What is not encrypted is listed here, and in docs/security.md.
func TestTemporalReadsNoCustomer(t *testing.T) {
	t.Parallel()
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "canary answer to "+r.URL.Path, http.StatusNotFound)
	}))
	t.Cleanup(away.Close)
	h := open(t, settings{files: folder(map[string]string{"walk.yaml": walk(away.URL), "nudge.yaml": nudge}), postgres: true,
		more: func(c *app.Config) {
			c.MasterKeys, c.Pseudonyms, c.CallAllow = masterKey, "on", "127.0.0.1"
		}})
	ctx := context.Background()
	h.identify("canary-ana", map[string]any{"first_name": "Canary", "email": "canary@example.com"})
	got := h.track("canary-ana", "Start", "canary-message", map[string]any{"k": "canary-key", "text": "canary-text"})
	if entered := got.Receipts[0].Entered; len(entered) != 2 {
		t.Fatal(entered)
	}
	h.settled()
	id := h.parked("walk/canary-ana/canary-key", "help").WorkflowID
	h.parked("nudge/canary-ana/canary-key", "reply")

	start := func(id string, in contract.TrackInput) error {
		run, err := h.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: contract.TaskQueue},
			contract.TrackType, in)
		if err != nil {
			t.Fatal(err)
		}
		return run.Get(ctx, nil)
	}
	if err := start("t1", contract.TrackInput{UserID: "canary-ana", Event: "Canary Seen",
		Properties: map[string]any{"p": "canary"}}); err != nil {
		t.Fatal(err)
	}
	if err := start("t2", contract.TrackInput{UserID: "canary-ana", Event: "canary", Type: "canary"}); err == nil {
		t.Error("an unknown type is not refused")
	}
	if err := h.update(id, contract.PauseUpdate, contract.Command{By: "canary-agent", Reason: "canary reason"}); err != nil {
		t.Fatal(err)
	}
	if err := h.update(id, contract.EventName, contract.Event{ID: "canary-id", Name: "tabi.canary"}); err == nil {
		t.Error("an event in tabi's name is not rejected")
	}
	h.settled()

	// What Temporal's API answers to callers without keys.
	var answers []proto.Message
	service, execution := h.Temporal.WorkflowService(), &commonpb.WorkflowExecution{WorkflowId: id}
	described, err := service.DescribeWorkflowExecution(ctx, &workflowservice.DescribeWorkflowExecutionRequest{
		Namespace: h.namespace, Execution: execution})
	if err != nil {
		t.Fatal(err)
	}
	answers = append(answers, described)
	for _, query := range []string{contract.StateQuery, "__temporal_workflow_metadata", "__stack_trace"} {
		got, err := service.QueryWorkflow(ctx, &workflowservice.QueryWorkflowRequest{
			Namespace: h.namespace, Execution: execution, Query: &querypb.WorkflowQuery{QueryType: query}})
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, got)
	}
	readsNothing := func(answer proto.Message) {
		t.Helper()
		text := bytes.NewBufferString(protojson.Format(answer))
		for _, payload := range payloads(answer.ProtoReflect()) {
			text.Write(payload.Data)
		}
		if i := strings.Index(strings.ToLower(text.String()), "canary"); i >= 0 {
			t.Errorf("%T can be read: …%s", answer, text.String()[i:min(i+200, text.Len())])
		}
	}
	for _, answer := range answers {
		readsNothing(answer)
	}
	if found := h.runsWith("canary"); len(found) > 0 {
		t.Errorf("runs can be read: %v", found)
	}

	// All payloads of all histories, but for those that say nothing of customers.
	seen := map[string]bool{}
	list, err := h.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{PageSize: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range list.GetExecutions() {
		for _, e := range h.history(run.GetExecution().GetWorkflowId(), run.GetExecution().GetRunId()) {
			e := proto.CloneOf(e)
			if a := e.GetWorkflowExecutionStartedEventAttributes(); a != nil {
				a.Memo, a.SearchAttributes = nil, nil
			}
			if a := e.GetUpsertWorkflowSearchAttributesEventAttributes(); a != nil {
				a.SearchAttributes = nil
			}
			for _, payload := range payloads(e.ProtoReflect()) {
				encoding := string(payload.Metadata[converter.MetadataEncoding])
				if !codec.Encrypted(payload) && encoding != converter.MetadataEncodingNil && !seen[e.GetEventType().String()] {
					seen[e.GetEventType().String()] = true
					t.Logf("in clear in %s: %s %q", e.GetEventType(), encoding, payload.Data)
				}
			}
		}
	}
	clear := slices.Sorted(func(yield func(string) bool) {
		for kind := range seen {
			if !yield(kind) {
				return
			}
		}
	})
	same(t, "kinds of events with payloads in clear", clear, []string(nil))

	// A channel without the codec sends in clear, which stays so. It is answered like all.
	clearInput, err := converter.GetDefaultDataConverter().ToPayloads(contract.Event{ID: "canary-id", Name: "tabi.canary"})
	if err != nil {
		t.Fatal(err)
	}
	rejected, err := service.UpdateWorkflowExecution(ctx, &workflowservice.UpdateWorkflowExecutionRequest{
		Namespace: h.namespace, WorkflowExecution: execution,
		WaitPolicy: &updatepb.WaitPolicy{LifecycleStage: enumspb.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED},
		Request: &updatepb.Request{Meta: &updatepb.Meta{UpdateId: "u1", Identity: "a channel"},
			Input: &updatepb.Input{Name: contract.EventName, Args: clearInput}}})
	if err != nil || rejected.GetOutcome().GetFailure() == nil {
		t.Fatal(rejected, err)
	}
	readsNothing(rejected)
}
