package catalog

import (
	"maps"
	"slices"

	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// IntentRules are the intents of a release, indexed for counting evidence.
type IntentRules struct {
	Book   *journey.Rulebook
	Names  []string                   // sorted
	Since  map[string]int64           // the release since which each intent has its definition
	Clues  map[string][]EvidenceMatch // by event name
	Events []string                   // names of events that are evidence, sorted
}

// An EvidenceMatch is a line of an intent's evidence.
type EvidenceMatch struct {
	Intent string
	N      int
	*journey.Evidence
}

// newIntentRules returns nil if a release has no intents; then nothing is stored or read.
func newIntentRules(book *journey.Rulebook, since map[string]int64) *IntentRules {
	if len(book.Intents) == 0 {
		return nil
	}
	r := &IntentRules{Book: book, Names: slices.Sorted(maps.Keys(book.Intents)), Since: since, Clues: map[string][]EvidenceMatch{}}
	for _, name := range r.Names {
		evidence := book.Intents[name].Evidence
		for n := range evidence {
			for _, event := range sqldb.Sorted(evidence[n].Events) {
				r.Clues[event] = append(r.Clues[event], EvidenceMatch{Intent: name, N: n, Evidence: &evidence[n]})
			}
		}
	}
	r.Events = slices.Sorted(maps.Keys(r.Clues))
	return r
}

// None returns the strength of an intent without evidence.
func (r *IntentRules) None(name string) decisioning.Strength {
	s := decisioning.Strength{}
	if r != nil && r.Book.Intents[name] != nil {
		s.HalfLife = r.Book.Intents[name].HalfLife
	}
	return s
}

// nextDefinitions returns, as JSON, the release since which each intent has the definition it has in c. changed reports
// whether an intent is new or defined differently.
func nextDefinitions(current *Release, c *journey.Content, number int) (text string, changed bool, err error) {
	since := map[string]int64{}
	for name, intentName := range c.Intents {
		since[name] = int64(number)
		before := current.Content.Intents[name]
		if before == nil || current.Intents == nil {
			changed = true
			continue
		}
		was, err := sqldb.JSONText([]any{before.HalfLife, before.Evidence})
		if err != nil {
			return "", false, err
		}
		is, err := sqldb.JSONText([]any{intentName.HalfLife, intentName.Evidence})
		if err != nil {
			return "", false, err
		}
		if was == is {
			since[name] = current.Intents.Since[name]
		} else {
			changed = true
		}
	}
	if len(since) == 0 {
		return "", false, nil
	}
	text, err = sqldb.JSONText(since)
	return text, changed, err
}

// droppedIntents returns the intents that a revision needs and c no longer has.
func droppedIntents(p *journey.Program, current, c *journey.Content) []string {
	has := func(all map[string]*journey.Intent, key string) string {
		for name := range all {
			if expr.IntentKey(name) == key {
				return name
			}
		}
		return ""
	}
	var out []string
	for _, key := range p.Intents() {
		if name := has(current.Intents, key); name != "" && has(c.Intents, key) == "" {
			out = append(out, name)
		}
	}
	return out
}
