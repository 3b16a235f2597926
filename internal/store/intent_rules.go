package store

import (
	"maps"
	"slices"

	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

// intentRules are the intents of a release, made ready to be kept.
type intentRules struct {
	book   *journey.Rulebook
	names  []string                   // sorted
	since  map[string]int64           // the release since which each is defined as it is
	clues  map[string][]evidenceMatch // by event name
	events []string                   // names of events that are evidence, sorted
}

// evidenceMatch is a line of an intent's evidence.
type evidenceMatch struct {
	intent string
	n      int
	*journey.Evidence
}

// newIntentRules is nil where a release has no intents: then nothing is kept, and nothing read.
func newIntentRules(book *journey.Rulebook, since map[string]int64) *intentRules {
	if len(book.Intents) == 0 {
		return nil
	}
	r := &intentRules{book: book, names: slices.Sorted(maps.Keys(book.Intents)), since: since, clues: map[string][]evidenceMatch{}}
	for _, name := range r.names {
		evidence := book.Intents[name].Evidence
		for n := range evidence {
			for _, event := range sorted(evidence[n].Events) {
				r.clues[event] = append(r.clues[event], evidenceMatch{intent: name, n: n, Evidence: &evidence[n]})
			}
		}
	}
	r.events = slices.Sorted(maps.Keys(r.clues))
	return r
}

// none is the strength of an intent of which there is no evidence.
func (r *intentRules) none(name string) decisioning.Strength {
	s := decisioning.Strength{}
	if r != nil && r.book.Intents[name] != nil {
		s.HalfLife = r.book.Intents[name].HalfLife
	}
	return s
}

// nextDefinitions says since which release each intent is defined as it is in c. changed: one is new, or was
// defined otherwise.
func nextDefinitions(current *release, c *journey.Content, number int) (text string, changed bool, err error) {
	since := map[string]int64{}
	for name, intentName := range c.Intents {
		since[name] = int64(number)
		before := current.content.Intents[name]
		if before == nil || current.intents == nil {
			changed = true
			continue
		}
		was, err := jsonText([]any{before.HalfLife, before.Evidence})
		if err != nil {
			return "", false, err
		}
		is, err := jsonText([]any{intentName.HalfLife, intentName.Evidence})
		if err != nil {
			return "", false, err
		}
		if was == is {
			since[name] = current.intents.since[name]
		} else {
			changed = true
		}
	}
	if len(since) == 0 {
		return "", false, nil
	}
	text, err = jsonText(since)
	return text, changed, err
}

// droppedIntents are those that instances of a revision need, and that c has no more.
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
