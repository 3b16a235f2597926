package lint

import (
	"slices"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/journey/syntax"
)

// kindSet is the kinds of steps that a check knows.
type kindSet struct {
	kinds   []journey.Kind
	options map[string][]string // the keys beside each kind
	exprs   source.ExprKeys     // the keys of the journey language that hold expressions
}

func newKindSet(kinds []journey.Kind) *kindSet {
	s := &kindSet{kinds: kinds, options: map[string][]string{}, exprs: source.ExprKeys{
		Keys:    []string{"when", "key", "value", "cost", "lever", "eligible", "applicable", "suitable"},
		Parents: []string{"consent"},
	}}
	for _, kind := range kinds {
		s.options[kind.Name] = kind.Options()
		syntax.Walk(kind.New().Fields(), func(f syntax.Field) {
			value, ok := f.Value.(syntax.Expressive)
			switch {
			case !ok:
			case value.Expressions() == syntax.Members:
				s.exprs.Parents = append(s.exprs.Parents, f.Key)
			default:
				s.exprs.Keys = append(s.exprs.Keys, f.Key)
			}
		})
	}
	return s
}

func (s *kindSet) byName(name string) *journey.Kind {
	for i := range s.kinds {
		if s.kinds[i].Name == name {
			return &s.kinds[i]
		}
	}
	return nil
}

// results returns the keys of steps.<id>.
func (s *kindSet) results(name string) []string {
	if kind := s.byName(name); kind != nil {
		return kind.Results
	}
	return nil
}

// names returns the names of the kinds.
func (s *kindSet) names() []string {
	var names []string
	for _, kind := range s.kinds {
		names = append(names, kind.Name)
	}
	return names
}

// hasOption reports whether some kind has this key as an option.
func (s *kindSet) hasOption(key string) bool {
	for _, options := range s.options {
		if slices.Contains(options, key) {
			return true
		}
	}
	return false
}
