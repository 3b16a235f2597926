package channel

import (
	"errors"
	"fmt"
	"regexp"
)

// Spec describes a channel to the journey language: what a message file may say for it, and what a send needs.
// Lint, the JSON schemas, the decisions and the senders of a build all read the same specs.
type Spec struct {
	// Name is the channel's name in YAML: `via: [email, pigeon]`, and the key of its treatment in a message file.
	Name string
	// Doc is one sentence for editors and the manual.
	Doc string
	// Fields are the keys of a treatment.
	Fields []Field
	// Address is the customer trait that holds the address. Empty: the channel needs none.
	Address string
	// Any lets the channel take the treatment of any other channel, as `log` does.
	Any bool
	// KeepsContent has tabi keep what was rendered in the ledger, where an app of the customer reads it over HTTP.
	// The first such channel is the one of a decision that names no channel.
	KeepsContent bool
}

// Field is a key of a channel's treatment.
type Field struct {
	Name     string
	Doc      string // one sentence for editors
	Required bool
	Or       string // a required field may be missing where this one is present
	HTML     bool   // inserted values are escaped
}

// names are names as the journey language has them.
var names = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Validate reports what is wrong with a spec.
func (s Spec) Validate() error {
	if !names.MatchString(s.Name) {
		return errors.New("the name must be lower-case letters, digits and _")
	}
	if len(s.Fields) == 0 && !s.Any {
		return errors.New("a channel needs a field, or Any")
	}
	seen := map[string]bool{}
	for _, f := range s.Fields {
		switch {
		case !names.MatchString(f.Name):
			return fmt.Errorf("field %q: the name must be lower-case letters, digits and _", f.Name)
		case seen[f.Name]:
			return fmt.Errorf("field %q is listed twice", f.Name)
		}
		seen[f.Name] = true
	}
	for _, f := range s.Fields {
		if f.Or != "" && !seen[f.Or] {
			return fmt.Errorf("field %q: there is no field %q to stand in for it", f.Name, f.Or)
		}
	}
	return nil
}

// KeepingContent returns the names of the channels whose content tabi keeps, in the order of specs.
func KeepingContent(specs []Spec) []string {
	var out []string
	for _, s := range specs {
		if s.KeepsContent {
			out = append(out, s.Name)
		}
	}
	return out
}
