// Package shape builds JSON Schemas as Go values: the keywords that the schemas of a project use, and the parts that
// several of them share.
package shape

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
	MaxItems    int     `json:"maxItems,omitempty"`
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
