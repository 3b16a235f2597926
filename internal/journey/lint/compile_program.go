package lint

import (
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
)

// flatten turns the trees into the flat program: indices first, in the order of the file, then the jumps.
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
		if _, taken := byID[s.id]; !taken { // of two with one id the later is at fault
			byID[s.id] = s.index
		}
	}
	for _, s := range j.all {
		if spec, ok := s.Spec.(*journey.GoTo); ok && spec.Target != "" {
			j.resolve(s, spec, byID)
		}
		j.def.Steps = append(j.def.Steps, s.Step)
	}
}

// enumerate gives every step its index: a step, then its arms, then the next step.
func (j *journeyCheck) enumerate(list []*stepTree) {
	for _, s := range list {
		s.index = len(j.all)
		j.all = append(j.all, s)
		for _, a := range s.arms {
			j.enumerate(a.steps)
		}
	}
}

// link sets Next and the arms' targets; behind is where the list goes on.
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
		if spec, ok := s.Spec.(*journey.Handoff); ok && len(s.outcomes) > 0 {
			spec.Outcomes = map[string]int{}
			for outcome, target := range s.outcomes {
				spec.Outcomes[outcome] = *target
			}
		}
	}
}

// resolve finds where a go_to leads.
func (j *journeyCheck) resolve(s *stepTree, spec *journey.GoTo, byID map[string]int) {
	if p := j.paths[spec.Target]; p != nil {
		if len(p.steps) > 0 {
			spec.To = p.steps[0].index
		}
		return
	}
	if i, ok := byID[spec.Target]; ok {
		spec.To = i
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
	hint := human.Suggest(spec.Target, known)
	j.rerouted = append(j.rerouted, hint) // leads there once the name is mended
	j.Report(s.targetAt, "unknown-path", hint, "go_to: there is no path or step %q", spec.Target)
}
