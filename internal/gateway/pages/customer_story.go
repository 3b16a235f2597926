package pages

import (
	"maps"
	"slices"

	"github.com/tabi-journeys/tabi/internal/analytics"
	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/handoff"
)

// repeated are the details of a timeline's lines, by kind, that its title or its page says already, and
// addresses, which mean nothing to an agent.
var repeated = map[string][]string{
	"contact": {"message", "status"},
	"handoff": {"id", "queue", "state"},
	"entered": {"workflow_id"},
	"ended":   {"workflow_id", "outcome"},
}

// details are what a line of the timeline shows beside its title, on the page of a hand-off: not what stands on
// that page anyway.
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
