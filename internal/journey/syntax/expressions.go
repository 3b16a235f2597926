package syntax

import (
	"maps"
	"regexp"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/schema/shape"
)

// CEL is an expression.
type CEL struct {
	To   *expr.Expr
	Want expr.Want
}

// Read implements Value.
func (v CEL) Read(r *Reader, _ *Field, n *source.Node) { *v.To = r.Expr(n, v.Want) }

// Print implements Value.
func (v CEL) Print(*Printer, *Field) *yaml.Node { return Expr(*v.To) }

// Expressions implements Expressive.
func (CEL) Expressions() Expressions { return Itself }

// Schema implements Value.
func (CEL) Schema(b *shape.Builder) *shape.Schema { return b.CEL() }

// CELs is a mapping of names to expressions.
type CELs struct {
	To    *map[string]expr.Expr
	Names *regexp.Regexp // what a name looks like; nil: any text
	Words string         // what is reported about another name
}

// Read implements Value.
func (v CELs) Read(r *Reader, f *Field, n *source.Node) {
	m := r.Mapping(n, f.what())
	if m == nil {
		return
	}
	for i, key := range n.Keys {
		scalar := key.Shape == source.Scalar
		switch {
		case scalar && m.Index(key.Text) != i: // a duplicate
		case m.Cut(i, false):
		case !scalar, v.Names == nil && (!key.IsText() || key.Text == ""), v.Names != nil && !v.Names.MatchString(key.Text):
			r.Report(key.Pos, "bad-value", "", "%s", v.Words)
		default:
			if *v.To == nil {
				*v.To = map[string]expr.Expr{}
			}
			(*v.To)[key.Text] = r.Expr(n.Values[i], expr.Any)
		}
	}
}

// Print implements Value.
func (v CELs) Print(*Printer, *Field) *yaml.Node {
	if len(*v.To) == 0 {
		return nil
	}
	out := NewMap()
	for _, key := range slices.Sorted(maps.Keys(*v.To)) {
		Add(out, key, Expr((*v.To)[key]))
	}
	return out
}

// Expressions implements Expressive.
func (CELs) Expressions() Expressions { return Members }

// Schema implements Value.
func (v CELs) Schema(b *shape.Builder) *shape.Schema {
	names := &shape.Schema{MinLength: 1}
	if v.Names != nil {
		names = &shape.Schema{Pattern: v.Names.String()}
	}
	return shape.MapOf(names, b.CEL())
}
