package journey

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
)

// Kind describes a kind of step: its manual entry, and how its JSON is read.
type Kind struct {
	Name    string
	Label   string   // its name for people, if that is not Name with spaces
	Family  Family   // by which drawings color it
	Icon    string   // for drawings: an SVG path of strokes in a box of 16 by 16
	Form    string   // its syntax, on one line
	Doc     string   // what it does, in a sentence or two
	Example string   // a YAML list of steps
	Results []string // keys in steps.<id>

	New func() Spec // an empty spec, for the JSON of a definition
}

// Words returns the name of the kind for people.
func (k Kind) Words() string { return cmp.Or(k.Label, strings.ReplaceAll(k.Name, "_", " ")) }

// Family is what kinds of steps have in common for people.
type Family string

// Families of kinds.
const (
	Waiting  Family = "waiting"  // waits for a time or for events
	Choosing Family = "choosing" // takes one of several ways
	Speaking Family = "speaking" // sends a message
	Human    Family = "human"    // needs a person
	Acting   Family = "acting"   // changes something
	Jumping  Family = "jumping"  // continues elsewhere
	Ending   Family = "ending"   // ends the enrollment
)

// Kinds are the kinds of step, in the order of the manual.
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
	activityKind,
	goToKind,
	exitKind,
}

// Options returns the keys beside that of the kind.
func (k Kind) Options() []string {
	var keys []string
	for _, f := range k.New().Fields()[1:] {
		keys = append(keys, f.Key)
	}
	return keys
}

// KindNamed returns the kind with a name.
func KindNamed(name string) (Kind, bool) {
	for _, kind := range Kinds {
		if kind.Name == name {
			return kind, true
		}
	}
	return Kind{}, false
}

// UnmarshalJSON reads a step; its kind determines the type of Spec.
func (s *Step) UnmarshalJSON(data []byte) error {
	type plain Step
	shadow := struct {
		*plain
		Spec json.RawMessage `json:"spec"`
	}{plain: (*plain)(s)}
	if err := json.Unmarshal(data, &shadow); err != nil {
		return err
	}
	kind, known := KindNamed(s.Kind)
	if !known {
		return fmt.Errorf("step %q: this build does not know the kind %q", s.ID, s.Kind)
	}
	spec := kind.New()
	if err := json.Unmarshal(shadow.Spec, spec); err != nil {
		return fmt.Errorf("step %q: %w", s.ID, err)
	}
	s.Spec = spec
	return nil
}
