package pages

import (
	"slices"
	"testing"

	"github.com/tabi-journeys/tabi/internal/analytics"
	"github.com/tabi-journeys/tabi/internal/handoff"
)

// A line of the timeline has no addresses, and does not say again what its title or the page says.
func TestDetails(t *testing.T) {
	t.Parallel()
	page := handoff.Handoff{ID: "e1/care/1"}
	for _, c := range []struct {
		kind   string
		detail map[string]any
		want   []pair
	}{
		{"handoff", map[string]any{"id": "e1/care/1", "queue": "care", "state": "open", "note": "They wrote"}, nil},
		{"handoff", map[string]any{"id": "e1/care/2", "queue": "care", "state": "resolved", "note": "before", "agent": "Mia"},
			[]pair{{"agent", "Mia"}, {"note", "before"}}},
		{"ended", map[string]any{"workflow_id": "cart/ana", "outcome": "goal", "reason": "by Order Completed", "value": 12.5},
			[]pair{{"reason", "the event Order Completed"}, {"value", "12.5"}}},
		{"ended", map[string]any{"reason": "by step main.4.else.1"}, []pair{{"reason", "an exit step of the journey (main.4.else.1)"}}},
		{"ended", map[string]any{"reason": "its longest life was over"}, []pair{{"reason", "its longest life was over"}}},
		{"event", map[string]any{"id": "o1", "workflow_id": "theirs"}, []pair{{"id", "o1"}, {"workflow_id", "theirs"}}},
		{"entered", nil, nil},
	} {
		if got := details(analytics.TimelineEntry{Kind: c.kind, Detail: c.detail}, page); !slices.Equal(got, c.want) {
			t.Errorf("%s %v: %v, want %v", c.kind, c.detail, got, c.want)
		}
	}
}
