package lint

import (
	"slices"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// parks reports whether an enrollment waits at a step of this kind, so that a cycle through it is not endless. For a
// step whose kind could not be read it is true.
func parks(kind string) bool {
	known, ok := journey.KindNamed(kind)
	return !ok || known.New().Describe().Parks
}

// graph reports endless cycles, unreachable steps and unused paths.
func (j *journeyCheck) graph() {
	edges := make([][]int, len(j.all))
	for i, s := range j.all {
		if s.Spec == nil { // a kind that could not be read may lead anywhere
			edges[i] = []int{s.Next}
			continue
		}
		edges[i] = journey.Successors(&s.Step)
		if len(edges[i]) == 0 && s.kind != "exit" { // arms that could not be read
			edges[i] = []int{s.Next}
		}
	}
	used := j.usedPaths()
	lost := slices.ContainsFunc(j.all, func(s *stepTree) bool { return s.jump != nil && j.Unread(s.jump.at) }) // it may lead anywhere
	for _, p := range j.order {
		if !used[p.name] && !lost && !j.astray {
			j.Report(p.at, "unused-path", "", "no go_to and no reroute leads to the path %q", p.name)
		}
	}
	j.cycles(edges)
	j.doubling(edges)
	reached := make([]bool, len(j.all))
	for _, p := range j.order {
		if len(p.steps) > 0 {
			reach(edges, reached, p.steps[0].index)
		}
	}
	for _, p := range j.order {
		j.deadRuns(p.steps, reached)
	}
}

// doubling warns about a journey of which one enrollment can emit the journey's own entry event twice or more: each of the enrollments
// that enter by it does the same.
func (j *journeyCheck) doubling(edges [][]int) {
	entry := j.def.Entry
	if entry.Reentry == journey.ReentryNever || entry.Reentry != journey.ReentryAlways && entry.Key == "" {
		return // one enrollment at a time
	}
	enters := func(i int) bool {
		emit, ok := j.all[i].Spec.(*journey.Emit)
		return ok && slices.Contains(entry.Events, emit.Event)
	}
	for second := range j.all {
		if !enters(second) {
			continue
		}
		for first := range j.all {
			after := make([]bool, len(j.all))
			if enters(first) {
				for _, next := range edges[first] {
					reach(edges, after, next)
				}
			}
			if after[second] {
				j.Report(j.all[second].keyAt, "emits-own-entry", "", "an enrollment emits the event that enters this journey more than "+
					"once: each enrollment makes several others, until the limit of caused events ends them all")
				break
			}
		}
	}
}

// usedPaths returns the paths that a reroute or a go_to from another path leads to, at any of their steps.
func (j *journeyCheck) usedPaths() map[string]bool {
	used := map[string]bool{journey.Main: true}
	for _, name := range j.rerouted {
		used[name] = true
	}
	for _, rule := range j.def.Reroute {
		used[rule.GoTo] = true
	}
	for _, s := range j.all {
		if s.jump == nil {
			continue
		}
		if p, to := j.paths[s.jump.name], *s.jump.to; p != nil && p.name != s.path {
			used[p.name] = true
		} else if p == nil && to >= 0 && j.all[to].path != s.path {
			used[j.all[to].path] = true
		}
	}
	return used
}

func reach(edges [][]int, reached []bool, from int) {
	stack := []int{from}
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if i < 0 || reached[i] {
			continue
		}
		reached[i] = true
		stack = append(stack, edges[i]...)
	}
}

// deadRuns reports the first step of each run of unreachable steps.
func (j *journeyCheck) deadRuns(list []*stepTree, reached []bool) {
	dead := false
	for _, s := range list {
		if reached[s.index] {
			dead = false
			for _, a := range s.arms {
				j.deadRuns(a.steps, reached)
			}
			continue
		}
		if !dead {
			j.Report(s.at, "unreachable-step", "", "this step cannot be reached")
		}
		dead = true
		for _, a := range s.arms { // a go_to may still lead into an arm
			j.deadRuns(onlyReached(a.steps, reached), reached)
		}
	}
}

// onlyReached skips the steps at the head of an arm that are unreachable because their step is.
func onlyReached(list []*stepTree, reached []bool) []*stepTree {
	for i, s := range list {
		if reached[s.index] {
			return list[i:]
		}
	}
	return nil
}

// cycles reports each go_to that closes a cycle on which nothing waits. All other jumps lead forward in the program, so
// every cycle contains a go_to. The walk follows the program's order, so the go_to that leads back closes the cycle.
func (j *journeyCheck) cycles(edges [][]int) {
	const (
		open = 1 + iota
		closed
	)
	state := make([]int, len(j.all))
	type frame struct{ step, edge int }
	for root := range j.all {
		if state[root] != 0 {
			continue
		}
		stack := []frame{{root, 0}}
		state[root] = open
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if parks(j.all[top.step].kind) || top.edge == len(edges[top.step]) {
				state[top.step] = closed
				stack = stack[:len(stack)-1]
				continue
			}
			to := edges[top.step][top.edge]
			top.edge++
			switch {
			case to < 0:
			case state[to] == open && j.all[top.step].jump != nil:
				j.Report(
					j.all[top.step].keyAt,
					"endless-loop",
					"",
					"this go_to closes a cycle without wait, wait_for, ask or handoff: an enrollment would run in it endlessly",
				)
			case state[to] == 0:
				state[to] = open
				stack = append(stack, frame{to, 0})
			}
		}
	}
}
