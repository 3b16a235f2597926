package simulate

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	tlog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/workflows"
)

// Replayed is the result of one replay.
type Replayed struct {
	Name   string `json:"name"` // file, or workflow id and run id
	Events int    `json:"events"`
	OK     bool   `json:"ok"`
	Reason string `json:"reason,omitempty"`
}

// RecordedHistory is a history to replay. Read is called when its turn comes, so that few are in memory at once.
type RecordedHistory struct {
	Name       string // file, or workflow id and run id
	WorkflowID string // empty: of a file
	RunID      string
	Read       func(context.Context) (*history.History, error)
}

// firstTaskEvents is how many events the first workflow task needs; before it has begun there is nothing to compare.
const firstTaskEvents = 3

// Replay runs the history through this build.
func (r RecordedHistory) Replay(ctx context.Context) Replayed {
	out := Replayed{Name: r.Name}
	h, err := r.Read(ctx)
	if err != nil {
		out.Reason = "cannot be read: " + clipped(err.Error())
		return out
	}
	if out.Events = len(h.Events); out.Events < firstTaskEvents && r.WorkflowID != "" {
		out.OK = true // a run that has not begun
		return out
	}
	out.Reason = r.compare(h)
	out.OK = out.Reason == ""
	return out
}

// compare returns in words how this build differs from the history; empty if it does not.
func (r RecordedHistory) compare(h *history.History) string {
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{DisableDeadlockDetection: true})
	if err != nil {
		return clipped(err.Error())
	}
	workflows.Register(replayer)
	id := r.WorkflowID
	if id == "" {
		id = "replay"
	}
	opts := worker.ReplayWorkflowHistoryOptions{OriginalExecution: workflow.Execution{ID: id, RunID: r.RunID}}
	if err := replayer.ReplayWorkflowHistoryWithOptions(tlog.NewStructuredLogger(slog.New(slog.DiscardHandler)), h, opts); err != nil {
		return replayDifference(err.Error(), h)
	}
	last := h.Events[len(h.Events)-1]
	if last.GetEventType() != enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED {
		return ""
	}
	payloads := last.GetWorkflowExecutionCompletedEventAttributes().GetResult().GetPayloads()
	if len(payloads) != 1 {
		return "" // a type without a result
	}
	var now, was any
	var raw json.RawMessage
	results, ok := replayer.(interface {
		GetWorkflowResult(id string, to any) error // the SDK's, which its interface does not name
	})
	if !ok || results.GetWorkflowResult(id, &raw) != nil || json.Unmarshal(raw, &now) != nil {
		return "its result cannot be read"
	}
	if json.Unmarshal(payloads[0].GetData(), &was) == nil && !reflect.DeepEqual(now, was) {
		return fmt.Sprintf(
			"event %d (%s): this build ends with a different result (%s)",
			last.GetEventId(),
			eventName(last),
			strings.Join(otherKeys(was, now), ", "),
		)
	}
	return ""
}

// otherKeys names the keys of two results that differ, never their values.
func otherKeys(was, now any) []string {
	a, _ := was.(map[string]any)
	b, _ := now.(map[string]any)
	var out []string
	for _, key := range []string{"outcome", "reason", "value", "steps"} {
		if !reflect.DeepEqual(a[key], b[key]) {
			out = append(out, key)
		}
	}
	return out
}

// The SDK's errors for a replay that differs from the history.
var (
	saidLocal    = regexp.MustCompile(`code executed local activity (\S+), but history event found (\S+),`)
	saidExpected = regexp.MustCompile(`a matching (\w+) command was expected in history event position (\d+)`)
	saidLookup   = regexp.MustCompile(`scheduleEventID: (\d+)`)
	saidOther    = regexp.MustCompile(`history event is (\w+): \((.*?)\), replay command is (\w+): \((.*)`)
	saidMissing  = regexp.MustCompile(`missing replay command for (\w+): \((.*)`)
	saidExtra    = regexp.MustCompile(`extra replay command for (\w+): \((.*)`)
	idInside     = regexp.MustCompile(`\b(?:ActivityId|TimerId|Name|MarkerName|SignalName):([\w./-]+)`)
	quotedText   = regexp.MustCompile(`"[^"]*"`)
)

// replayDifference rephrases an error of the SDK, without customer data from the history.
func replayDifference(said string, h *history.History) string {
	if m := saidLocal.FindStringSubmatch(said); m != nil {
		return fmt.Sprintf("this build runs the local activity %s where the history has %s", m[1], m[2])
	}
	if m := saidExpected.FindStringSubmatch(said); m != nil {
		return fmt.Sprintf("%s: this build does not issue that %s", eventAt(h, m[2]), strings.ToLower(m[1]))
	}
	if m := saidOther.FindStringSubmatch(said); m != nil {
		return fmt.Sprintf("the history has %s%s, this build issues %s%s instead", m[1], idsIn(m[2]), m[3], idsIn(m[4]))
	}
	if m := saidMissing.FindStringSubmatch(said); m != nil {
		return fmt.Sprintf("the history has %s%s, this build does not issue it", m[1], idsIn(m[2]))
	}
	if m := saidExtra.FindStringSubmatch(said); m != nil {
		return fmt.Sprintf("this build issues %s%s, which the history does not have", m[1], idsIn(m[2]))
	}
	if m := saidLookup.FindStringSubmatch(said); m != nil {
		return fmt.Sprintf("%s: this build does not issue that activity", eventAt(h, m[1]))
	}
	if strings.Contains(said, "doesn't return the same result as the last event") {
		last := h.Events[len(h.Events)-1]
		return fmt.Sprintf("event %d (%s): this build does not end there", last.GetEventId(), eventName(last))
	}
	return clipped(quotedText.ReplaceAllString(said, "…"))
}

// eventAt names an event by its id.
func eventAt(h *history.History, id string) string {
	n, err := strconv.ParseInt(id, 10, 64)
	if err == nil {
		for _, e := range h.Events {
			if e.GetEventId() == n {
				return fmt.Sprintf("event %d (%s)", n, eventName(e))
			}
		}
	}
	return "event " + id
}

func eventName(e *history.HistoryEvent) string { return e.GetEventType().String() }

// idsIn lists the ids and names of types among what the SDK prints of an event or command.
func idsIn(text string) string {
	var out []string
	for _, m := range idInside.FindAllStringSubmatch(text, 2) {
		out = append(out, m[1])
	}
	if len(out) == 0 {
		return ""
	}
	return " (" + strings.Join(out, ", ") + ")"
}

// clipped returns the first line of a text, cut to 200 bytes.
func clipped(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "") + "…"
	}
	return text
}
