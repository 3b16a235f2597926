package journey

import (
	"regexp"
	"strings"

	"github.com/tabi-journeys/tabi/internal/human"
)

var setKind = Kind{
	Name:    "set",
	Form:    "`set: {vars.x: <CEL>, customer.stage: <CEL>}`",
	Doc:     "Sets variables of the instance and traits of the customer, in the order of the file. A value that is missing leaves the target alone.",
	Example: "- set: {vars.tries: vars.tries + 1, customer.stage: \"'trial'\"}\n",
	parse:   parseSet,
	decode:  into[Set],
}

var setTarget = regexp.MustCompile(`^(vars|customer)\.([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)$`)

func parseSet(r *stepReader, n *node) Spec {
	spec := &Set{}
	m := r.fields(n, "set")
	if m == nil {
		return spec
	}
	if len(n.keys) == 0 {
		r.report(n.pos, "bad-value", "", "set sets nothing")
	}
	for i, key := range n.keys {
		if m.index(key.text) != i {
			continue // a duplicate
		}
		match := setTarget.FindStringSubmatch(key.text)
		if match == nil && m.cut(i, false) {
			continue
		}
		if match == nil {
			hint := ""
			if variableName.MatchString(key.text) {
				hint = "vars." + key.text
			} else if root, rest, ok := strings.Cut(key.text, "."); ok {
				if better := human.Suggest(root, []string{"vars", "customer"}); better != "" {
					hint = better + "." + rest
				}
			}
			r.report(key.pos, "unknown-key", hint, "set knows vars.x and customer.x, not %q", key.text)
			continue
		}
		if match[1] == "vars" {
			first, _, _ := strings.Cut(match[2], ".")
			r.varNames[first] = true
		}
		spec.Assign = append(spec.Assign, Assignment{Target: match[1], Name: match[2], Value: r.expr(n.values[i], wantAny)})
	}
	return spec
}
