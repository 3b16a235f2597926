package diff

import (
	"github.com/tabi-journeys/tabi/internal/journey"
)

// Same is the step of another revision that a step is the same as.
type Same struct {
	Step string            // its id
	Arms map[string]string // keys of arms counted by place (journey.ArmNumber) → those of the other step; empty: it has no such arm
}

// SameSteps returns, by their ids, the steps of old that new has too, so that their numbers may be added up: steps of one
// kind that have the same id of their own or, where one has an id that is derived from its place, the same content at a
// corresponding place. An arm that is counted by its place is the same if its text is.
func SameSteps(old, new *journey.Definition) map[string]Same {
	from, to := newOutline(old), newOutline(new)
	m := matchSteps(from, to, nil)
	out := map[string]Same{}
	for i, j := range m.toNew {
		if j < 0 {
			continue
		}
		a, b := &old.Steps[i], &new.Steps[j]
		named := !journey.Unnamed(a.ID) && !journey.Unnamed(b.ID)
		if a.Kind != b.Kind || named && a.ID != b.ID || !named && alike(from.parts[i], to.parts[j]) < 1 {
			continue
		}
		out[a.ID] = Same{Step: b.ID, Arms: sameArms(from.parts[i].armList(), to.parts[j].armList())}
	}
	return out
}

// sameArms pairs arms of the same text: those at the same place first, then the others in order.
func sameArms(old, new []partItem) map[string]string {
	out, taken := map[string]string{}, map[int]bool{}
	pair := func(i, j int) {
		out[journey.ArmNumber(i)], taken[j] = journey.ArmNumber(j), true
	}
	for i := range old {
		if i < len(new) && old[i].text == new[i].text {
			pair(i, i)
		}
	}
	for i := range old {
		for j := 0; j < len(new) && out[journey.ArmNumber(i)] == ""; j++ {
			if !taken[j] && old[i].text == new[j].text {
				pair(i, j)
			}
		}
		if _, paired := out[journey.ArmNumber(i)]; !paired {
			out[journey.ArmNumber(i)] = ""
		}
	}
	return out
}
