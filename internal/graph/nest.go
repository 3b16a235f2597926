package graph

import (
	"slices"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// sequence recovers the nesting of the steps from…to: a step comes before its arms, and these before the step after it.
func (g *Graph) sequence(d *journey.Definition, from, to int) sequence {
	var out sequence
	for i := from; i < to; {
		s := &d.Steps[i]
		end := to
		if s.Next > i && s.Next < to {
			end = s.Next
		}
		b := &block{node: i + 1, step: i, jump: -1}
		if s.When != "" {
			b.skip = &way{Arm: journey.ArmSkipped, Label: "otherwise", Full: "the step is skipped", to: s.Next}
		}
		g.arms(d, b, ways(s), i, end)
		out = append(out, b)
		i = end
	}
	for _, b := range out {
		b.behind = b.falls()
	}
	return out
}

// arms adds the arms of b: lists of steps in (step, end), ways that continue after it, and jumps.
func (g *Graph) arms(d *journey.Definition, b *block, out []way, step, end int) {
	if d.Steps[step].Describe().Jump != "" {
		b.jump = g.nodeOf(out[0].to, d, d.Steps[step].Path)
		return
	}
	var starts []int
	for _, w := range out {
		if w.to > step && w.to < end {
			starts = append(starts, w.to)
		}
	}
	slices.Sort(starts)
	starts = slices.Compact(starts)
	for _, w := range out {
		a := arm{ways: []way{w}, jump: -1}
		same := -1
		switch k, inside := slices.BinarySearch(starts, w.to); {
		case inside:
			until := end
			if k+1 < len(starts) {
				until = starts[k+1]
			}
			same = slices.IndexFunc(b.arms, func(o arm) bool { return !o.goesOn && o.jump < 0 && o.ways[0].to == w.to })
			if same < 0 {
				a.body = g.sequence(d, w.to, until)
			}
		case w.to == d.Steps[step].Next:
			a.goesOn = true
			same = slices.IndexFunc(b.arms, func(o arm) bool { return o.goesOn })
		default:
			a.jump = g.nodeOf(w.to, d, d.Steps[step].Path)
		}
		if same >= 0 {
			b.arms[same].ways = append(b.arms[same].ways, w)
			continue
		}
		b.arms = append(b.arms, a)
	}
}

// nodeOf returns the node of a jump target.
func (g *Graph) nodeOf(step int, d *journey.Definition, path string) int {
	if step >= 0 {
		return step + 1
	}
	return -2 // the end of its path, whose node does not exist yet
}

// falls reports whether an enrollment can reach what follows a block.
func (b *block) falls() bool {
	if b.skip != nil {
		return true
	}
	return slices.ContainsFunc(b.arms, arm.falls)
}

func (a arm) falls() bool {
	if a.goesOn {
		return true
	}
	if a.jump != -1 || len(a.body) == 0 {
		return false
	}
	return a.body[len(a.body)-1].behind
}

// split reports whether the ways of a block are drawn next to each other.
func (b *block) split() bool {
	return slices.ContainsFunc(b.arms, func(a arm) bool { return !a.goesOn })
}
