package lint

import (
	"strconv"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

func parseBranch(r *stepReader, n *source.Node) journey.Spec {
	spec := &journey.Branch{Else: journey.End}
	items, ok := r.List(n, "branch")
	if ok && len(items) == 0 {
		r.Report(n.Pos, "bad-value", "", "branch has no arm")
	}
	spec.Arms = make([]journey.BranchArm, len(items))
	for i, item := range items {
		m := r.Mapping(item, "an arm of branch")
		if m == nil {
			r.arm(nil, strconv.Itoa(i+1), &spec.Arms[i].Then)
			continue
		}
		spec.Arms[i].When = r.expr(m.Need("when", "an arm of branch has a condition"), expr.Bool)
		r.arm(m.Get("then"), strconv.Itoa(i+1), &spec.Arms[i].Then)
		m.Done()
	}
	r.arm(r.get("else"), "else", &spec.Else)
	return spec
}
