package diff

import (
	"slices"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// outline is a program as the nested lists that the designer wrote.
type outline struct {
	def   *journey.Definition
	lists map[listKey][]int // steps of a list, in order
	place []listKey         // the list that contains each step
	index map[string]int
	parts []*parts
}

// listKey identifies a list: an arm of a step or, with owner -1, a path.
type listKey struct {
	owner int
	arm   string
}

// newOutline recovers the lists: an arm's list ends where the journey continues after its step.
func newOutline(d *journey.Definition) *outline {
	o := &outline{
		def:   d,
		lists: map[listKey][]int{},
		place: make([]listKey, len(d.Steps)),
		index: map[string]int{},
		parts: make([]*parts, len(d.Steps)),
	}
	placed := make([]bool, len(d.Steps))
	follow := func(key listKey, from, end int) {
		for i := from; i != end && i != journey.End && !placed[i]; i = d.Steps[i].Next {
			placed[i], o.place[i] = true, key
			o.lists[key] = append(o.lists[key], i)
		}
	}
	for _, p := range d.Paths {
		follow(listKey{-1, p.Name}, p.Start, journey.End)
	}
	for i := range d.Steps {
		s := &d.Steps[i]
		o.index[s.ID], o.parts[i] = i, stepParts(s)
		for _, arm := range o.parts[i].arms {
			if arm.first != s.Next {
				follow(listKey{i, arm.key}, arm.first, s.Next)
			}
		}
	}
	return o
}

// where describes the place of a step.
func (o *outline) where(i int) string {
	key := o.place[i]
	name := key.arm
	if key.owner >= 0 {
		name = o.def.Steps[key.owner].ID + ", " + key.arm
	}
	if at := slices.Index(o.lists[key], i); at > 0 {
		return name + ", after " + o.def.Steps[o.lists[key][at-1]].ID
	}
	return name + ", first"
}

// match pairs the steps of two outlines.
type match struct {
	old, new     *outline
	renamed      map[string]string         // as given by the caller, old id to new
	toNew, toOld []int                     // -1: none
	arms         map[int]map[string]string // old step → its arms → those of the new step
	queue        []int                     // paired old steps whose arms are not paired yet
}

// matchSteps pairs steps in three rounds: as renamed says, by the designers' ids, and the remaining ones (without an
// id, or with a new one) by their content and place.
func matchSteps(old, new *outline, renamed map[string]string) *match {
	m := &match{
		old:     old,
		new:     new,
		renamed: renamed,
		toNew:   fill(len(old.def.Steps)),
		toOld:   fill(len(new.def.Steps)),
		arms:    map[int]map[string]string{},
	}
	for i, s := range old.def.Steps {
		if j, ok := new.index[renamed[s.ID]]; ok && m.toOld[j] < 0 {
			m.pair(i, j)
		}
	}
	for i, s := range old.def.Steps {
		if j, ok := new.index[s.ID]; ok && !journey.Unnamed(s.ID) && m.toNew[i] < 0 && m.toOld[j] < 0 {
			m.pair(i, j)
		}
	}
	for _, p := range old.def.Paths {
		key := listKey{-1, p.Name}
		m.lists(old.lists[key], new.lists[key])
	}
	for len(m.queue) > 0 {
		i := m.queue[0]
		m.queue = m.queue[1:]
		m.matchArms(i, m.toNew[i])
	}
	return m
}

func fill(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = -1
	}
	return out
}

func (m *match) pair(i, j int) {
	m.toNew[i], m.toOld[j] = j, i
	m.queue = append(m.queue, i)
}

// lists pairs the remaining steps of two lists that belong together.
func (m *match) lists(old, new []int) {
	found := align(len(old), len(new), func(a, b int) float64 {
		i, j := old[a], new[b]
		if m.toNew[i] == j {
			return 1000 // known pairs hold the others in place
		}
		if m.toNew[i] >= 0 || m.toOld[j] >= 0 {
			return 0
		}
		return m.likeness(i, j)
	})
	for a, b := range found {
		if b >= 0 && m.toNew[old[a]] < 0 {
			m.pair(old[a], new[b])
		}
	}
}

// likeness scores how likely it is that a step replaced another; 0 means that it did not.
func (m *match) likeness(i, j int) float64 {
	old, new := &m.old.def.Steps[i], &m.new.def.Steps[j]
	if old.Kind != new.Kind {
		return 0
	}
	common := alike(m.old.parts[i], m.new.parts[j])
	switch sameID := old.ID == new.ID; {
	case common == 1 && sameID:
		return 12
	case common == 1:
		return 8
	case sameID:
		return 4 + common
	case common >= 0.5, old.Name != "" && old.Name == new.Name:
		return 2 + common
	case journey.Unnamed(old.ID): // renumbered, or given an id
		return 1 + common
	}
	return 0
}

// matchArms pairs the arms of a step and the steps in them.
func (m *match) matchArms(i, j int) {
	arms := map[string]string{}
	for _, arm := range m.old.parts[i].arms {
		arms[arm.key] = arm.key
	}
	for _, pair := range pairItems(m.old.parts[i].armList(), m.new.parts[j].armList()) {
		if pair.old >= 0 {
			arms[armKey(pair.old)] = ""
			if pair.new >= 0 {
				arms[armKey(pair.old)] = armKey(pair.new)
			}
		}
	}
	m.arms[i] = arms
	for _, arm := range m.old.parts[i].arms {
		if to := arms[arm.key]; to != "" {
			m.lists(m.old.lists[listKey{i, arm.key}], m.new.lists[listKey{j, to}])
		}
	}
}

// sameList reports whether two paired steps are in lists that belong together.
func (m *match) sameList(i, j int) bool {
	old, new := m.old.place[i], m.new.place[j]
	if old.owner < 0 || new.owner < 0 {
		return old == new
	}
	return m.toNew[old.owner] == new.owner && m.arms[old.owner][old.arm] == new.arm
}

// moved returns the old steps that have a new place: another list, or another order in their list.
func (m *match) moved() map[int]bool {
	out := map[int]bool{}
	for key, list := range m.old.lists {
		var stay []int
		for _, i := range list {
			switch j := m.toNew[i]; {
			case j < 0:
			case !m.sameList(i, j):
				out[i] = true
			default:
				stay = append(stay, i)
			}
		}
		if len(stay) == 0 {
			continue
		}
		new := m.new.lists[m.new.place[m.toNew[stay[0]]]]
		kept := align(len(stay), len(new), func(a, b int) float64 {
			if m.toNew[stay[a]] == new[b] {
				return 1
			}
			return 0
		})
		for a, b := range kept {
			if b < 0 {
				out[m.old.lists[key][slices.Index(list, stay[a])]] = true
			}
		}
	}
	return out
}

// steps returns what happened to every step, in the order of the new program; removed steps come last.
func (m *match) steps() []StepDiff {
	var out []StepDiff
	moved := m.moved()
	for j := range m.new.def.Steps {
		s := &m.new.def.Steps[j]
		i := m.toOld[j]
		if i < 0 {
			out = append(out, StepDiff{New: s.ID, Kind: s.Kind, To: m.new.where(j)})
			continue
		}
		was := &m.old.def.Steps[i]
		d := StepDiff{
			Old:     was.ID,
			New:     s.ID,
			Kind:    s.Kind,
			told:    m.renamed[was.ID] == s.ID,
			Changes: partChanges(m.old.parts[i], m.new.parts[j]),
		}
		if was.Kind != s.Kind {
			d.Changes = append([]Change{{"kind", was.Kind, s.Kind}}, d.Changes...)
		}
		if was.Name != s.Name {
			d.Changes = append(d.Changes, Change{"name", was.Name, s.Name})
		}
		if moved[i] {
			d.From, d.To = m.old.where(i), m.new.where(j)
		}
		if d.Old != d.New || len(d.Changes) > 0 || d.From != "" {
			out = append(out, d)
		}
	}
	for i, j := range m.toNew {
		if s := &m.old.def.Steps[i]; j < 0 {
			out = append(out, StepDiff{Old: s.ID, Kind: s.Kind, From: m.old.where(i)})
		}
	}
	return out
}
