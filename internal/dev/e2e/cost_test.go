package e2e

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

var errStill = errors.New("it is not there yet")

// wantMails compares the subjects of the mails to an address.
func wantMails(h *installation, address string, want ...string) error {
	if got := h.mail.subjects(address); !reflect.DeepEqual(got, want) {
		return fmt.Errorf("mails %q, want %q", got, want)
	}
	return nil
}

// history returns the whole history of a run.
func (h *installation) history(workflowID, runID string) []*history.HistoryEvent {
	h.Helper()
	var out []*history.HistoryEvent
	iter := h.Temporal.GetWorkflowHistory(context.Background(), workflowID, runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for iter.HasNext() {
		e, err := iter.Next()
		if err != nil {
			h.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

var (
	reminder = lines(
		`journey: reminder`,
		`description: A wait of an hour, a mail.`,
		`entry: {event: Start}`,
		`goal: {event: Bought}`,
		`steps:`,
		`  - wait: 1h`,
		`  - send: hello`,
		`    via: email`,
	)
	answer = lines(
		`journey: answer`,
		`description: A wait for an event, two sends.`,
		`entry: {event: Asked}`,
		`goal: {event: Bought}`,
		`steps:`,
		`  - id: reply`,
		`    wait_for: {event: Answered}`,
		`    timeout: 7d`,
		`  - send: hello`,
		`    via: email`,
		`  - send: again`,
		`    via: push`,
	)
)

// The cost of a journey is counted in history events; these are the limits of the acceptance.
func TestCostInHistoryEvents(t *testing.T) {
	t.Parallel()
	h := open(t, settings{files: folder(map[string]string{"reminder.yaml": reminder, "answer.yaml": answer})})
	h.customer("ana")

	h.track("ana", "Start", "", nil)
	h.ended("reminder/ana", contract.Completed)
	h.cost("reminder/ana", 14)

	h.track("ana", "Asked", "", nil)
	h.parked("answer/ana", "reply")
	h.track("ana", "Answered", "", nil)
	h.ended("answer/ana", contract.Completed)
	h.cost("answer/ana", 16)
	same(t, "pushes", h.push.sent("device-ana"), []string{"Again"})
}

// cost lists the events of a run and compares their number with a limit.
func (h *installation) cost(workflowID string, limit int) {
	h.Helper()
	h.result(workflowID, "")
	events := h.history(workflowID, "")
	var list strings.Builder
	for _, e := range events {
		name := strings.TrimPrefix(e.EventType.String(), "EVENT_TYPE_")
		if m := e.GetMarkerRecordedEventAttributes(); m != nil {
			name += " " + m.MarkerName
		}
		fmt.Fprintf(&list, "\n%3d %s %s", e.EventId, name, e.GetUserMetadata().GetSummary().GetData())
	}
	h.Logf("%s: %d events of at most %d%s", workflowID, len(events), limit, list.String())
	if len(events) > limit {
		h.Errorf("%s costs %d events, more than %d", workflowID, len(events), limit)
	}
}
