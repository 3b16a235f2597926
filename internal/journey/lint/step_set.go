package lint

import (
	"strings"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

func parseSet(r *stepReader, n *source.Node) journey.Spec {
	spec := &journey.Set{}
	m := r.Mapping(n, "set")
	if m == nil {
		return spec
	}
	if len(n.Keys) == 0 {
		r.Report(n.Pos, "bad-value", "", "set sets nothing")
	}
	for i, key := range n.Keys {
		if m.Index(key.Text) != i {
			continue // a duplicate
		}
		match := source.SetTarget.FindStringSubmatch(key.Text)
		if match == nil && m.Cut(i, false) {
			continue
		}
		if match == nil {
			hint := ""
			if variableName.MatchString(key.Text) {
				hint = "vars." + key.Text
			} else if root, rest, ok := strings.Cut(key.Text, "."); ok {
				if better := human.Suggest(root, []string{"vars", "customer"}); better != "" {
					hint = better + "." + rest
				}
			}
			r.Report(key.Pos, "unknown-key", hint, "set knows vars.x and customer.x, not %q", key.Text)
			continue
		}
		if match[1] == "vars" {
			first, _, _ := strings.Cut(match[2], ".")
			r.varNames[first] = true
		}
		spec.Assign = append(spec.Assign, journey.Assignment{Target: match[1], Name: match[2], Value: r.expr(n.Values[i], expr.Any)})
	}
	return spec
}
