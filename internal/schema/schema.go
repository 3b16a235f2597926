// Package schema generates a JSON Schema for every kind of file of a project, so that editors complete and check while
// a designer types. It uses the registries of step kinds and channels. tabi lint refuses everything that a schema
// refuses, and also checks names, types of expressions and jumps.
package schema

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/schema/shape"
)

// Kind is a kind of file.
type Kind struct {
	Name  string // of `tabi schema NAME`
	Files string // where such files are in a project
	Doc   string

	build func(*builder) *shape.Schema
}

// File returns the name of the schema's file.
func (k Kind) File() string { return k.Name + ".schema.json" }

// Kinds returns the kinds of file, in the order of the manual.
func Kinds() []Kind {
	return []Kind{
		{"journey", "<journey>.yaml", "a journey: who enters, what happens, how it ends", (*builder).journey},
		{"test", "<journey>.test.yaml", "scenarios of a journey, run in simulated time", (*builder).test},
		{"message", "messages/<message>.yaml", "what is said, per channel", (*builder).message},
		{"defaults", "messages/_defaults.yaml", "the layout and the senders of all mails", (*builder).defaults},
		{"actions", "actions/<group>.yaml", "next best actions to choose among", (*builder).actions},
		{"intents", "intents.yaml", "how intent is inferred", (*builder).intents},
		{"policy", "policy.yaml", "contact policy: consent, limits, quiet hours, suppression", (*builder).policy},
		{"topics", "topics.yaml", "what customers can subscribe to", (*builder).topics},
	}
}

// Generate returns the schema of a kind of file as JSON. The same channels (activities/channels.Shipped().Specs())
// always yield the same bytes.
func Generate(kind string, channels []channel.Spec) ([]byte, error) {
	for _, k := range Kinds() {
		if k.Name != kind {
			continue
		}
		b := &builder{shape.NewBuilder(channels)}
		root := k.build(b)
		root.Dialect = shape.Dialect
		root.Title = "tabi: " + k.Files
		root.Description = k.Doc
		if len(b.Defs) > 0 {
			root.Defs = b.Defs
		}
		var out bytes.Buffer
		e := json.NewEncoder(&out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(root); err != nil {
			return nil, fmt.Errorf("schema %s: %w", kind, err)
		}
		return out.Bytes(), nil
	}
	return nil, fmt.Errorf("there is no kind of file %q", kind)
}

// builder adds the files of a project to the parts that they share.
type builder struct{ *shape.Builder }
