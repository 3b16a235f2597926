package activities

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func TestEmit(t *testing.T) {
	b := setup(t, map[string]any{"points": 12})
	in := contract.Emit{
		Ref:         b.ref,
		EvalContext: contract.EvalContext{EntryEvent: b.event, Event: b.event, Vars: map[string]any{"tries": 2}},
		Key:         b.ref.Enrollment + "/tell/1",
		Spec: journey.Emit{Event: "Points Counted", Properties: map[string]expr.Expr{
			"points": "customer.points + vars.tries", "at": `timestamp("2026-03-02T09:00:00Z")`, "nothing": "customer.nothing",
			"bad": "customer.first_name / 2"}},
	}
	for range 2 { // a repeat changes nothing
		if _, err := b.activities.Emit(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	story, err := b.store.Analytics.Timeline(t.Context(), "ana", 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []map[string]any
	for _, line := range story {
		if line.Kind == "event" && line.Title == "Points Counted" {
			found = append(found, line.Detail)
		}
	}
	want := []map[string]any{{"points": 14.0, "at": "2026-03-02T09:00:00Z"}}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error(diff)
	}
}
