// Package schema generates a JSON Schema for every kind of file of a project, so that editors complete and check while
// a designer types. It uses the registries of step kinds and channels. tabi lint refuses everything that a schema
// refuses, and also checks names, types of expressions and jumps.
package schema

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/tabi-journeys/tabi/channel"
)

// Schema is a JSON Schema of draft 2020-12. It uses only keywords that draft 7 has too, because editors may support
// nothing later.
type Schema struct {
	Dialect     string `json:"$schema,omitempty"`
	Ref         string `json:"$ref,omitempty"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	Type        any    `json:"type,omitempty"` // a name or a list of names
	Enum        []any  `json:"enum,omitempty"`
	Default     any    `json:"default,omitempty"`
	Examples    []any  `json:"examples,omitempty"`

	Pattern   string   `json:"pattern,omitempty"`             // must mean the same in RE2 and ECMAScript
	Words     string   `json:"patternErrorMessage,omitempty"` // what editors show if Pattern does not match
	MinLength int      `json:"minLength,omitempty"`
	MaxLength int      `json:"maxLength,omitempty"`
	Minimum   *float64 `json:"minimum,omitempty"`
	Maximum   *float64 `json:"maximum,omitempty"`

	Items       *Schema `json:"items,omitempty"`
	MinItems    int     `json:"minItems,omitempty"`
	UniqueItems bool    `json:"uniqueItems,omitempty"`
	Contains    *Schema `json:"contains,omitempty"`

	Properties    map[string]*Schema `json:"properties,omitempty"`
	Required      []string           `json:"required,omitempty"`
	Others        any                `json:"additionalProperties,omitempty"` // false: no keys but Properties; a *Schema: their values
	PropertyNames *Schema            `json:"propertyNames,omitempty"`
	MinProperties int                `json:"minProperties,omitempty"`
	AnyOf         []*Schema          `json:"anyOf,omitempty"`
	OneOf         []*Schema          `json:"oneOf,omitempty"`
	AllOf         []*Schema          `json:"allOf,omitempty"`
	Not           *Schema            `json:"not,omitempty"`
	Defs          map[string]*Schema `json:"$defs,omitempty"`
}

// Dialect is the draft of the schemas.
const Dialect = "https://json-schema.org/draft/2020-12/schema"

// Kind is a kind of file.
type Kind struct {
	Name  string // of `tabi schema NAME`
	Files string // where such files are in a project
	Doc   string

	build func(*builder) *Schema
}

// File returns the name of the schema's file.
func (k Kind) File() string { return k.Name + ".schema.json" }

// Kinds returns the kinds of file, in the order of the manual.
func Kinds() []Kind {
	return []Kind{
		{"journey", "<journey>.yaml", "a journey: who enters, what happens, how it ends", (*builder).journey},
		{"test", "<journey>.test.yaml", "scenarios of a journey, run in simulated time", (*builder).test},
		{"message", "messages/<message>.yaml", "what is said, per channel", (*builder).message},
		{"actions", "actions/<group>.yaml", "next best actions to choose among", (*builder).actions},
		{"intents", "intents.yaml", "how intent is inferred", (*builder).intents},
		{"policy", "policy.yaml", "contact policy: consent, limits, quiet hours, suppression", (*builder).policy},
	}
}

// Generate returns the schema of a kind of file as JSON. The same channels (activities/channels.Shipped().Specs())
// always yield the same bytes.
func Generate(kind string, channels []channel.Spec) ([]byte, error) {
	for _, k := range Kinds() {
		if k.Name != kind {
			continue
		}
		b := &builder{channels: channels, defs: map[string]*Schema{}}
		root := k.build(b)
		root.Dialect = Dialect
		root.Title = "tabi: " + k.Files
		root.Description = k.Doc
		if len(b.defs) > 0 {
			root.Defs = b.defs
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

// builder collects the definitions of one schema.
type builder struct {
	channels []channel.Spec
	defs     map[string]*Schema
}

// def returns a reference to a shared definition, which it builds on first use.
func (b *builder) def(name string, build func() *Schema) *Schema {
	if _, made := b.defs[name]; !made {
		b.defs[name] = nil // a definition may refer to itself
		b.defs[name] = build()
	}
	return &Schema{Ref: "#/$defs/" + name}
}
