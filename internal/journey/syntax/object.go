package syntax

import (
	"gopkg.in/yaml.v3"

	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/schema/shape"
)

// Object is a mapping.
type Object struct {
	Of   Part
	Bare *Bare // what a text in its place probably means; nil: nothing
}

// Read implements Value.
func (v Object) Read(r *Reader, f *Field, n *source.Node) {
	if v.Bare.means(r, n, f.what()) {
		r.absent(v.Of)
		return
	}
	r.Part(n, f.what(), v.Of)
}

// Print implements Value.
func (v Object) Print(p *Printer, _ *Field) *yaml.Node { return p.Part(v.Of) }

// Schema implements Value.
func (v Object) Schema(b *shape.Builder) *shape.Schema { return Schema(b, v.Of) }

// Inner returns the fields of the mapping.
func (v Object) Inner() []Field { return v.Of.Fields() }
