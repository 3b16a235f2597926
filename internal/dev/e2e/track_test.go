package e2e

import (
	"context"
	"errors"
	"testing"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Workflow type Track lets a channel send events with nothing but a Temporal SDK: profile, event, entry.
func TestTrack(t *testing.T) {
	t.Parallel()
	h := open(t, settings{files: folder(map[string]string{"nudge.yaml": nudge}), more: func(c *app.Config) { c.TemporalTrusted = true }})
	ctx := context.Background()
	take := func(id string, in contract.TrackInput) (out contract.TrackResult, err error) {
		run, err := h.Temporal.ExecuteWorkflow(
			ctx,
			client.StartWorkflowOptions{ID: id, TaskQueue: contract.TaskQueue},
			contract.TrackType,
			in,
		)
		if err == nil {
			err = run.Get(ctx, &out)
		}
		return out, err
	}
	if _, err := take("t1", contract.TrackInput{Type: "identify", UserID: "ana", Traits: map[string]any{"email": "ana@example.com",
		"first_name": "Ana"}}); err != nil {
		t.Fatal(err)
	}
	// Without an id of its own the event has the workflow's, so that a start under the same workflow id counts once.
	entering := contract.TrackInput{UserID: "ana", Event: "Start", Properties: map[string]any{"k": "1"}}
	for i, duplicate := range []bool{false, true} {
		got, err := take("t2", entering)
		if err != nil || got.ID != "t2" || got.Customer != "ana" || got.Duplicate != duplicate {
			t.Errorf("start %d: %+v, %v", i+1, got, err)
		}
	}
	h.parked("nudge/ana/1", "reply")
	same(t, "mails", h.mail.subjects("ana@example.com"), []string{"Hello Ana"})
	same(t, "entries", h.entries("nudge", "ana"), 1)
	story, err := h.Store.Analytics.Timeline(ctx, "ana", 50)
	if err != nil {
		t.Fatal(err)
	}
	starts := 0
	for _, line := range story {
		if line.Kind == "event" && line.Title == "Start" {
			starts++
		}
	}
	same(t, "times the event is recorded", starts, 1)

	// An event that cannot be recorded does not stop the run to which it is signaled.
	for _, e := range []contract.Event{{ID: "\x00", Name: "Bought"}, {ID: "x1", Name: "tabi.command"}} {
		if err := h.Temporal.SignalWorkflow(ctx, "nudge/ana/1", "", contract.EventName, e); err != nil {
			t.Fatal(err)
		}
	}
	h.track("ana", "Answered", "", map[string]any{"k": "1"})
	h.parked("nudge/ana/1", "last")

	for name, in := range map[string]contract.TrackInput{
		"nobody": {Event: "Start"}, "nothing": {UserID: "bob"}, "an unknown type": {Type: "tell", UserID: "bob", Event: "Start"},
		"tabi's own": {UserID: "bob", Event: "tabi.command"},
	} {
		_, err := take(name, in)
		var refused *temporal.ApplicationError
		if !errors.As(err, &refused) || refused.Type() != contract.RejectInvalid {
			t.Errorf("an event of %s: %v", name, err)
		}
	}
	if _, err := h.Store.Customers.Get(ctx, "bob"); !errors.Is(err, sqldb.ErrNotFound) {
		t.Errorf("what was refused left a customer: %v", err)
	}
}
