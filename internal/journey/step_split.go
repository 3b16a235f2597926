package journey

import (
	"math"
	"strconv"
)

var splitKind = Kind{
	Name: "split",
	Form: "list of arms `{weight: 50, name:, then: [...]}`",
	Doc: "Goes a way by chance that hangs on journey, step id and customer alone: the same customer, the same arm. " +
		"Weights are shares of their sum. Give the step an id, or an edit can move people to another arm.",
	Example: "- id: greeting\n  split:\n    - {weight: 80, name: short, then: [{wait: 1h}]}\n    - {weight: 20, name: long}\n",
	Results: []string{"arm", "name"},
	parse:   parseSplit,
	decode:  into[Split],
}

func parseSplit(r *stepReader, n *node) Spec {
	spec := &Split{}
	items, ok := r.list(n, "split")
	if ok && len(items) == 0 {
		r.report(n.pos, "bad-value", "", "split has no arm")
	}
	if !r.step.named {
		r.report(
			r.step.at,
			"unnamed-split",
			"",
			"a split without an id: an edit of the steps before it can move people to another arm; give it an id",
		)
	}
	spec.Arms = make([]SplitArm, len(items))
	sum, names, whole := 0.0, map[string]bool{}, true
	for i, item := range items {
		m := r.fields(item, "an arm of split")
		if m == nil {
			whole = false
			r.arm(nil, strconv.Itoa(i+1), &spec.Arms[i].Then)
			continue
		}
		weight := m.need("weight", "an arm of split has a share")
		if weight != nil {
			spec.Arms[i].Weight, ok = r.number(weight, "weight", 0, math.Inf(1))
		}
		whole = whole && ok && weight != nil
		sum += spec.Arms[i].Weight
		if name := m.get("name"); name != nil {
			if text, ok := r.label(name, "arm"); ok {
				if names[text] {
					r.report(name.pos, "duplicate-id", "", "another arm of this split is called %q", text)
				}
				names[text], spec.Arms[i].Name = true, text
			}
		}
		r.arm(m.get("then"), strconv.Itoa(i+1), &spec.Arms[i].Then)
		m.done()
	}
	if whole && len(items) > 0 && (sum <= 0 || math.IsInf(sum, 0)) {
		r.report(n.pos, "bad-value", "", "the weights of a split must have a sum above 0")
	}
	return spec
}
