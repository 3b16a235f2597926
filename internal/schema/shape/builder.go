package shape

import (
	"github.com/tabi-journeys/tabi/channel"
)

// Builder collects the definitions of one schema.
type Builder struct {
	Channels []channel.Spec
	Defs     map[string]*Schema
}

// NewBuilder returns a builder without definitions, for these channels.
func NewBuilder(channels []channel.Spec) *Builder {
	return &Builder{Channels: channels, Defs: map[string]*Schema{}}
}

// Def returns a reference to a shared definition, which it builds on first use.
func (b *Builder) Def(name string, build func() *Schema) *Schema {
	if _, made := b.Defs[name]; !made {
		b.Defs[name] = nil // a definition may refer to itself
		b.Defs[name] = build()
	}
	return Ref(name)
}

// Steps is the name of the definition of a list of steps, which arms refer to.
const Steps = "steps"

// Ref returns a reference to a definition.
func Ref(name string) *Schema { return &Schema{Ref: "#/$defs/" + name} }
