package lint

import (
	"slices"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

// parser reads the value of a step's kind, and the keys next to it.
type parser func(r *stepReader, value *source.Node) journey.Spec

// parsers returns the parser of each kind. It is a function because parsing an arm uses it again.
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
		"activity": parseActivity,
		"go_to":    parseGoTo,
		"exit":     parseExit,
	}
}

// kindSet is the kinds that a check knows. It is a value of the check because parsing an arm uses the kinds again, and
// a global registry would depend on itself during initialization.
type kindSet []journey.Kind

func (s kindSet) byName(name string) *journey.Kind {
	for i := range s {
		if s[i].Name == name {
			return &s[i]
		}
	}
	return nil
}

// results returns the keys of steps.<id>.
func (s kindSet) results(name string) []string {
	if kind := s.byName(name); kind != nil {
		return kind.Results
	}
	return nil
}

// names returns the names of the kinds.
func (s kindSet) names() []string {
	var names []string
	for _, kind := range s {
		names = append(names, kind.Name)
	}
	return names
}

// hasOption reports whether some kind has this key as an option.
func (s kindSet) hasOption(key string) bool {
	return slices.ContainsFunc(s, func(k journey.Kind) bool { return slices.Contains(k.Options, key) })
}
