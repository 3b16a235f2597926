package syntax

import (
	"cmp"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/schema/shape"
)

// Part is a mapping of a journey file: a step, an arm, the request of a call.
type Part interface {
	// Fields returns the keys of the mapping, in the order in which they are printed. Their values hold pointers into
	// the part, so that reading fills it and printing shows it.
	Fields() []Field
}

// Checker is a part with rules across its fields. Check runs after the fields are read.
type Checker interface{ Check(r *Reader) }

// OwnReader is a part that reads its keys itself, because the keys depend on each other.
type OwnReader interface{ Read(r *Reader) }

// OwnSchema is a part whose JSON Schema says more than its fields do.
type OwnSchema interface {
	Schema(b *shape.Builder) *shape.Schema
}

// Field is a key of a mapping.
type Field struct {
	Key   string
	What  string // in diagnostics; default Key
	Doc   string // what editors show; empty: what they show for the type of value
	Need  string // why the key must be present; empty: it is optional
	Value Value
}

func (f *Field) what() string { return cmp.Or(f.What, f.Key) }

// Value is a type of value, bound to a place in a part.
type Value interface {
	// Read reads a node into the part, and reports what is wrong with it.
	Read(r *Reader, f *Field, n *source.Node)
	// Print returns the value of the part as YAML, or nil if the key is left out.
	Print(p *Printer, f *Field) *yaml.Node
	Schema(b *shape.Builder) *shape.Schema
}

// whenAbsent is a type of value that does something when its key is absent.
type whenAbsent interface{ Absent(r *Reader, f *Field) }

// container is a type of value that holds other parts.
type container interface{ Inner() []Field }

// Expressive is a type of value that holds expressions.
type Expressive interface{ Expressions() Expressions }

// Expressions says where a value holds expressions.
type Expressions int

// Places of expressions.
const (
	Itself  Expressions = iota // the value is one
	Members                    // the values of its mapping are
)

// Walk visits the fields, and those of the parts in them.
func Walk(fields []Field, visit func(Field)) {
	for _, f := range fields {
		visit(f)
		if c, ok := f.Value.(container); ok {
			Walk(c.Inner(), visit)
		}
	}
}

// Schema returns the schema of a part: its own, or a mapping of its fields.
func Schema(b *shape.Builder, p Part) *shape.Schema {
	if own, ok := p.(OwnSchema); ok {
		return own.Schema(b)
	}
	return Mapping(b, p.Fields())
}

// Mapping returns the schema of a mapping with these keys and no others. Required are the fields with a Need, and the keys
// in required.
func Mapping(b *shape.Builder, fields []Field, required ...string) *shape.Schema {
	for _, f := range fields {
		if f.Need != "" {
			required = append(required, f.Key)
		}
	}
	return shape.Object(Keys(b, fields), required...)
}

// Keys returns the schemas of the values by key.
func Keys(b *shape.Builder, fields []Field) shape.Keys {
	keys := shape.Keys{}
	for _, f := range fields {
		keys[f.Key] = f.Value.Schema(b)
		if f.Doc != "" {
			keys[f.Key] = keys[f.Key].With(f.Doc)
		}
	}
	return keys
}

// Pick returns the fields with these keys.
func Pick(fields []Field, keys ...string) []Field {
	return slices.DeleteFunc(slices.Clone(fields), func(f Field) bool { return !slices.Contains(keys, f.Key) })
}
