package app

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
)

func now(c clock.Clock) time.Time { return clock.Now(c) }

// compare fills Added, Changed and Removed with the differences between two contents, by name.
func (p *Published) compare(old, content *journey.Content) {
	if old == nil {
		old = &journey.Content{}
	}
	changes(p, "journey", old.Journeys, content.Journeys)
	changes(p, "message", old.Messages, content.Messages)
	changes(p, "intent", old.Intents, content.Intents)
	changes(p, "action", old.Actions, content.Actions)
	changes(p, "policy", only(old.Policy), only(content.Policy))
	changes(p, "topic", old.Topics, content.Topics)
}

// only returns the policy as a map, so that it is compared like content that has names.
func only(policy *journey.Policy) map[string]*journey.Policy {
	if policy == nil {
		return nil
	}
	return map[string]*journey.Policy{"": policy}
}

func changes[T any](p *Published, kind string, old, now map[string]T) {
	names := make([]string, 0, len(old)+len(now))
	for n := range old {
		names = append(names, n)
	}
	for n := range now {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range slices.Compact(names) {
		was, had := old[n]
		is, has := now[n]
		switch label := strings.TrimSpace(kind + " " + n); {
		case !had:
			p.Added = append(p.Added, label)
		case !has:
			p.Removed = append(p.Removed, label)
		case !same(was, is):
			p.Changed = append(p.Changed, label)
		}
	}
}

// same compares as JSON, which is how content is stored.
func same(a, b any) bool {
	x, errA := json.Marshal(a)
	y, errB := json.Marshal(b)
	return errA == nil && errB == nil && bytes.Equal(x, y)
}
