package pages

import (
	"maps"
	"slices"

	"github.com/tabi-journeys/tabi/internal/analytics"
	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/handoff"
)

// repeated lists, by kind of a timeline entry, the details that are not shown: those that the title or the page already shows, and
// workflow ids, which mean nothing to an agent.
var repeated = map[string][]string{
	"send":    {"message", "status"},
	"handoff": {"id", "queue", "state"},
	"entered": {"workflow_id"},
	"ended":   {"workflow_id", "outcome"},
}

// details returns what a timeline entry shows next to its title. On the page of a hand-off, page is that hand-off; details that the
// page shows elsewhere are left out.
func details(line analytics.TimelineEntry, page handoff.Handoff) []pair {
	drop := repeated[line.Kind]
	if line.Kind == "handoff" && line.Detail["id"] == page.ID {
		drop = append(slices.Clone(drop), "note", "agent", "outcome", "agent_note", "reason")
	}
	left := maps.Clone(line.Detail)
	maps.DeleteFunc(left, func(name string, _ any) bool { return slices.Contains(drop, name) })
	if reason, ok := left["reason"].(string); ok && line.Kind == "ended" {
		left["reason"] = api.ReasonText(reason)
	}
	return sortedPairs(left)
}
