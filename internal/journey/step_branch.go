package journey

import "strconv"

var branchKind = Kind{
	Name:    "branch",
	Form:    "list of arms `{when:, then: [...]}`; beside it `else: [...]`",
	Doc:     "Goes the way of the first arm whose condition is true, else the way of `else`.",
	Example: "- branch:\n    - when: customer.tier == \"gold\"\n      then: [{wait: 1h}]\n    - {when: entry.total > 100, then: [{wait: 2h}]}\n  else:\n    - wait: 3h\n",
	Results: []string{"arm"},
	Options: []string{"else"},
	parse:   parseBranch,
	decode:  into[Branch],
}

func parseBranch(r *stepReader, n *node) Spec {
	spec := &Branch{Else: End}
	items, ok := r.list(n, "branch")
	if ok && len(items) == 0 {
		r.report(n.pos, "bad-value", "", "branch has no arm")
	}
	spec.Arms = make([]BranchArm, len(items))
	for i, item := range items {
		m := r.fields(item, "an arm of branch")
		if m == nil {
			r.arm(nil, strconv.Itoa(i+1), &spec.Arms[i].Then)
			continue
		}
		spec.Arms[i].When = r.expr(m.need("when", "an arm of branch has a condition"), wantBool)
		r.arm(m.get("then"), strconv.Itoa(i+1), &spec.Arms[i].Then)
		m.done()
	}
	r.arm(r.get("else"), "else", &spec.Else)
	return spec
}
