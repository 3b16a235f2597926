package lint

import (
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
)

// flatten converts the trees of steps to the flat program that the interpreter runs.
//
// A file nests: arms hold steps, which have arms. The interpreter needs a position that fits in a snapshot and can be
// reached by name, so a program is a list of steps with jump targets. The order is that of the file: a step, then the
// steps of its arms, then the next step. Example:
//
//	0 send: hello            Next 1
//	1 branch: …              Next 4, arms [2], otherwise 4
//	2   wait: 1d             Next 3
//	3   send: reminder       Next 4
//	4 exit: done             Next End
//
// Three passes are needed, because every pass uses the complete result of the one before: enumerate assigns the indices,
// link sets Next and the arms' targets (which may point forward), and resolve finds the targets of go_to (which may point
// to any path or step).
//
// Invariants on which other code depends:
//
//   - All jumps except go_to lead forward. cycles (reachability.go) therefore only looks at go_to.
//   - The steps of a path, and those of an arm, are contiguous, and the last step of an arm continues where its step
//     does. package format and package graph recover the nesting from this.
//   - An index is valid in one revision only, because an edit moves the steps. A running enrollment therefore stores the
//     id of its step: the designer's, or one derived from the place ("main.3"), which a migration treats with care
//     (Program.CanMigrate).
func (j *journeyCheck) flatten() {
	for _, p := range j.order {
		j.enumerate(p.steps)
	}
	for _, p := range j.order {
		j.link(p.steps, journey.End)
		start := journey.End
		if len(p.steps) > 0 {
			start = p.steps[0].index
		}
		j.def.Paths = append(j.def.Paths, journey.Path{Name: p.name, Start: start})
	}
	byID := map[string]int{}
	for _, s := range j.all {
		if _, taken := byID[s.id]; !taken { // of two steps with the same id, the later is at fault
			byID[s.id] = s.index
		}
	}
	for _, s := range j.all {
		if s.jump != nil && s.jump.name != "" {
			j.resolve(s.jump, byID)
		}
		j.def.Steps = append(j.def.Steps, s.Step)
	}
}

// enumerate assigns every step its index: a step, then its arms, then the next step.
func (j *journeyCheck) enumerate(list []*stepTree) {
	for _, s := range list {
		s.index = len(j.all)
		j.all = append(j.all, s)
		for _, a := range s.arms {
			j.enumerate(a.steps)
		}
	}
}

// link sets Next and the arms' targets. The second argument is the index of the step after the list.
func (j *journeyCheck) link(list []*stepTree, behind int) {
	for i, s := range list {
		s.Next = behind
		if i+1 < len(list) {
			s.Next = list[i+1].index
		}
		for _, a := range s.arms {
			*a.into = s.Next
			if a.instead != nil {
				*a.into = *a.instead
			}
			if len(a.steps) > 0 {
				*a.into = a.steps[0].index
			}
			j.link(a.steps, s.Next)
		}
	}
}

// resolve sets the target of a jump.
func (j *journeyCheck) resolve(to *jump, byID map[string]int) {
	if p := j.paths[to.name]; p != nil {
		if len(p.steps) > 0 {
			*to.to = p.steps[0].index
		}
		return
	}
	if i, ok := byID[to.name]; ok {
		*to.to = i
		return
	}
	var known []string
	for name := range j.paths {
		known = append(known, name)
	}
	for _, other := range j.all {
		if other.named {
			known = append(known, other.id)
		}
	}
	hint := human.Suggest(to.name, known)
	j.rerouted = append(j.rerouted, hint) // once the name is fixed, it leads there
	j.Report(to.at, "unknown-path", hint, "go_to: there is no path or step %q", to.name)
}
