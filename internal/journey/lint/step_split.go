package lint

import (
	"math"
	"strconv"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

func parseSplit(r *stepReader, n *source.Node) journey.Spec {
	spec := &journey.Split{}
	items, ok := r.List(n, "split")
	if ok && len(items) == 0 {
		r.Report(n.Pos, "bad-value", "", "split has no arm")
	}
	if !r.step.named {
		r.Report(
			r.step.at,
			"unnamed-split",
			"",
			"a split without an id: an edit of the steps before it can move people to another arm; give it an id",
		)
	}
	spec.Arms = make([]journey.SplitArm, len(items))
	sum, names, whole := 0.0, map[string]bool{}, true
	for i, item := range items {
		m := r.Mapping(item, "an arm of split")
		if m == nil {
			whole = false
			r.arm(nil, strconv.Itoa(i+1), &spec.Arms[i].Then)
			continue
		}
		weight := m.Need("weight", "an arm of split has a share")
		if weight != nil {
			spec.Arms[i].Weight, ok = r.Number(weight, "weight", 0, math.Inf(1))
		}
		whole = whole && ok && weight != nil
		sum += spec.Arms[i].Weight
		if name := m.Get("name"); name != nil {
			if text, ok := r.Label(name, "arm"); ok {
				if names[text] {
					r.Report(name.Pos, "duplicate-id", "", "another arm of this split is called %q", text)
				}
				names[text], spec.Arms[i].Name = true, text
			}
		}
		r.arm(m.Get("then"), strconv.Itoa(i+1), &spec.Arms[i].Then)
		m.Done()
	}
	if whole && len(items) > 0 && (sum <= 0 || math.IsInf(sum, 0)) {
		r.Report(n.Pos, "bad-value", "", "the weights of a split must have a sum above 0")
	}
	return spec
}
