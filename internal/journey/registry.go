package journey

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Kind is a kind of step: what the manual says of it, and how it is read.
type Kind struct {
	Name    string
	Form    string   // how it is written, on one line
	Doc     string   // what it does, in a sentence or two
	Example string   // a YAML list of steps
	Results []string // keys in steps.<id>
	Options []string // keys beside the kind's own

	parse  func(r *stepReader, value *node) Spec    // from YAML
	decode func(data json.RawMessage) (Spec, error) // from the JSON of a definition
}

// Kinds are the kinds of step, in the order of the manual. A new kind is its file and one line here.
var Kinds = []Kind{
	waitKind,
	waitForKind,
	branchKind,
	splitKind,
	sendKind,
	decideKind,
	askKind,
	handoffKind,
	setKind,
	emitKind,
	callKind,
	goToKind,
	exitKind,
}

// kindSet is what a check knows of kinds. Parsing an arm leads back to the kinds, so they travel with the check; the
// registry itself could not be initialized otherwise.
type kindSet []Kind

func allKinds() kindSet { return Kinds }

func (s kindSet) byName(name string) *Kind {
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
	return slices.ContainsFunc(s, func(k Kind) bool { return slices.Contains(k.Options, key) })
}

// joinWords writes a list for people.
func joinWords(words []string) string { return strings.Join(words, ", ") }

// into makes a decode function for a spec.
func into[T any, P interface {
	*T
	Spec
}](data json.RawMessage) (Spec, error) {
	spec := P(new(T))
	if err := json.Unmarshal(data, spec); err != nil {
		return nil, err
	}
	return spec, nil
}

// UnmarshalJSON reads a step; its kind says what Spec holds.
func (s *Step) UnmarshalJSON(data []byte) error {
	type plain Step
	shadow := struct {
		*plain
		Spec json.RawMessage `json:"spec"`
	}{plain: (*plain)(s)}
	if err := json.Unmarshal(data, &shadow); err != nil {
		return err
	}
	kind := kindSet(Kinds).byName(s.Kind)
	if kind == nil {
		return fmt.Errorf("step %q: this build does not know the kind %q", s.ID, s.Kind)
	}
	spec, err := kind.decode(shadow.Spec)
	if err != nil {
		return fmt.Errorf("step %q: %w", s.ID, err)
	}
	s.Spec = spec
	return nil
}
