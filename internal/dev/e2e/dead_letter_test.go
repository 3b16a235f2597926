package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/outbox"
)

// An event that is too large for Temporal becomes a dead letter: its enrollment and all others continue, and it can
// be dropped.
func TestTooLargeEventBecomesDeadLetter(t *testing.T) {
	t.Parallel()
	h := open(
		t,
		settings{
			files: folder(
				map[string]string{
					"nudge.yaml": strings.Replace(
						nudge,
						"{event: Answered, when: event.k == entry.k}",
						`{event: Answered, when: event.k == entry.k && event.text != "no"}`,
						1,
					),
				},
			),
		},
	)
	ctx := context.Background()
	h.customer("ana")
	h.track("ana", "Start", "", map[string]any{"k": "1"})
	h.parked("nudge/ana/1", "reply")
	// The gateway refuses such an event; a back end that writes through Temporal, or another version's gateway, may
	// accept it.
	if _, err := h.Store.Intake.Ingest(ctx, clock.Now(h.clock), []customer.SegmentCall{{Type: "track", MessageID: "poison", UserID: "ana",
		Event:      "Answered",
		Properties: map[string]any{"k": "1", "text": strings.Repeat("x", 3<<20)}}}); err != nil {
		t.Fatal(err)
	}
	h.track("ana", "Answered", "behind", map[string]any{"k": "1", "text": "yes"})
	var aside []outbox.DeadLetter
	others := 0
	await(t, "the poison to be set aside", func() (err error) {
		others++ // only while others are delivered can it be distinguished from an outage
		h.track("bea", "Start", "", map[string]any{"k": fmt.Sprint(others)})
		if aside, err = h.Store.Outbox.DeadLetters(ctx, outbox.DeadLetterFilter{WorkflowID: "nudge/ana/1"}); err == nil && len(aside) == 0 {
			err = errors.New("nothing is")
		}
		return err
	})
	if a := aside[0]; len(aside) != 1 || a.Event != "poison" || a.Name != "Answered" || !strings.Contains(a.Error, "exceeds limit") {
		t.Errorf("set aside: %+v", aside)
	}
	h.parked("nudge/ana/1", "last")
	if n, err := h.Store.Outbox.RetryDeadLetters(ctx, clock.Now(h.clock), aside, true); err != nil || n != 1 {
		t.Error(n, err)
	}
	h.track("ana", "Bought", "", map[string]any{"k": "1", "total": 1})
	h.ended("nudge/ana/1", "goal")
}
