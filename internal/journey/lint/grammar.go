package lint

import (
	"slices"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

// parser reads the value of a step's kind, and the keys beside it.
type parser func(r *stepReader, value *source.Node) journey.Spec

// parsers have one line per kind of Kinds. They travel with the check: parsing an arm leads back to them.
func parsers() map[string]parser {
	return map[string]parser{
		"wait":     parseWait,
		"wait_for": parseWaitFor,
		"branch":   parseBranch,
		"split":    parseSplit,
		"send":     parseSend,
		"decide":   parseDecide,
		"ask":      parseAsk,
		"handoff":  parseHandoff,
		"set":      parseSet,
		"emit":     parseEmit,
		"call":     parseCall,
		"go_to":    parseGoTo,
		"exit":     parseExit,
	}
}

// kindSet is what a check knows of kinds. Parsing an arm leads back to the kinds, so they travel with the check; the
// registry itself could not be initialized otherwise.
type kindSet []journey.Kind

func (s kindSet) byName(name string) *journey.Kind {
	for i := range s {
		if s[i].Name == name {
			return &s[i]
		}
	}
	return nil
}

// results gives the keys of steps.<id>.
func (s kindSet) results(name string) []string {
	if kind := s.byName(name); kind != nil {
		return kind.Results
	}
	return nil
}

// names lists the kinds.
func (s kindSet) names() []string {
	var names []string
	for _, kind := range s {
		names = append(names, kind.Name)
	}
	return names
}

// hasOption reports whether a key stands beside some kind.
func (s kindSet) hasOption(key string) bool {
	return slices.ContainsFunc(s, func(k journey.Kind) bool { return slices.Contains(k.Options, key) })
}
