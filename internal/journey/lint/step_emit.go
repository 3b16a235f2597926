package lint

import (
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

func parseEmit(r *stepReader, n *source.Node) journey.Spec {
	spec := &journey.Emit{}
	spec.Event, _ = r.Word(n, "the event of emit")
	properties := r.get("properties")
	if properties == nil {
		return spec
	}
	m := r.Mapping(properties, "properties")
	if m == nil {
		return spec
	}
	for i, key := range properties.Keys {
		switch {
		case m.Index(key.Text) != i && key.Shape == source.Scalar: // a duplicate
		case m.Cut(i, false):
		case key.Shape != source.Scalar || !key.IsText() || key.Text == "":
			r.Report(key.Pos, "bad-value", "", "a property is called by a text")
		default:
			if spec.Properties == nil {
				spec.Properties = map[string]expr.Expr{}
			}
			spec.Properties[key.Text] = r.expr(properties.Values[i], expr.Any)
		}
	}
	return spec
}
