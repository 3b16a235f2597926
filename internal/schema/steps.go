package schema

import (
	"maps"
	"strings"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/syntax"
	"github.com/tabi-journeys/tabi/internal/schema/shape"
)

func (b *builder) steps() *shape.Schema {
	return b.Def(shape.Steps, func() *shape.Schema { return shape.List(b.step(), 0) })
}

// step is a mapping with exactly one kind.
func (b *builder) step() *shape.Schema {
	return b.Def("step", func() *shape.Schema {
		s := &shape.Schema{Description: "A step: one kind, and optionally id, name and when."}
		for _, kind := range journey.Kinds {
			s.OneOf = append(s.OneOf, b.Def("step_"+kind.Name, func() *shape.Schema { return b.kind(kind) }))
		}
		return s
	})
}

// kind is a step of one kind: its key, its options, and the keys that every step may have.
func (b *builder) kind(kind journey.Kind) *shape.Schema {
	s := syntax.Schema(b.Builder, kind.New())
	doc := kind.Doc
	if len(kind.Results) > 0 {
		doc += "\n\nLeaves in steps.<id>: " + strings.Join(kind.Results, ", ") + "."
	}
	s.Properties[kind.Name] = s.Properties[kind.Name].With(doc)
	s.Required = append([]string{kind.Name}, s.Required...)
	maps.Copy(s.Properties, shape.Keys{
		"id": b.Label().With("The step's id in the journey, in expressions (- as _), in scenarios and for go_to. " +
			"Give one to every step that you may move."),
		"name": shape.Text().With("The step's name for people."),
		"when": b.CEL().With("Skip the step unless this is true."),
	})
	s.Title, s.Description = kind.Name, strings.ReplaceAll(kind.Form, "`", "")
	return s
}
