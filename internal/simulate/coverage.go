package simulate

import (
	"fmt"
	"slices"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

// Coverage says which steps and arms of a journey the scenarios visited. Counted are steps; every arm of wait_for,
// branch and split; an optional arm (else, on_timeout, on_blocked, on_failure, an outcome) if it has steps of its
// own; and the skipping of a step with `when`.
type Coverage struct {
	Journey string   `json:"journey"`
	Visited int      `json:"visited"`
	All     int      `json:"all"`
	Missing []Missed `json:"missing"` // in the order of the file
}

// Missed is a step or arm that no scenario visited. The arms of a step that was never entered are not listed.
type Missed struct {
	Place source.Place `json:"-"`
	Step  string       `json:"step"`
	Arm   string       `json:"arm,omitempty"` // empty: the step itself
}

// String returns the place, and what was missed.
func (m Missed) String() string {
	if m.Arm == "" {
		return fmt.Sprintf("%s: step %s is not visited", m.Place, m.Step)
	}
	return fmt.Sprintf("%s: step %s: arm %s is not visited", m.Place, m.Step, m.Arm)
}

// Percent returns the visited share of a journey, 0…100; 100 if there is nothing to visit.
func (c Coverage) Percent() float64 {
	if c.All == 0 {
		return 100
	}
	return 100 * float64(c.Visited) / float64(c.All)
}

// Cover sums up results for some journeys of a folder, by name.
func Cover(content *journey.Content, names []string, results []Result) []Coverage {
	out := make([]Coverage, 0, len(names))
	for _, name := range slices.Sorted(slices.Values(names)) {
		definition := content.Journeys[name]
		if definition == nil {
			continue
		}
		taken := map[string]map[string]bool{}
		for _, r := range results {
			for step, arms := range r.Visited[name] {
				if taken[step] == nil {
					taken[step] = map[string]bool{}
				}
				for arm := range arms {
					taken[step][arm] = true
				}
			}
		}
		out = append(out, cover(definition, content.Places[name], taken))
	}
	return out
}

func cover(d *journey.Definition, places map[string]source.Place, taken map[string]map[string]bool) Coverage {
	c := Coverage{Journey: d.Journey, Missing: []Missed{}}
	for i := range d.Steps {
		s := &d.Steps[i]
		entered := false
		for arm := range taken[s.ID] {
			entered = entered || arm != journey.ArmSkipped
		}
		count := func(arm string, visited bool) {
			c.All++
			if visited {
				c.Visited++
			} else if arm == "" || arm == journey.ArmSkipped || entered {
				c.Missing = append(c.Missing, Missed{Place: places[s.ID], Step: s.ID, Arm: arm})
			}
		}
		count("", entered)
		for _, arm := range armsOf(s) {
			count(arm, taken[s.ID][arm])
		}
	}
	slices.SortStableFunc(c.Missing, func(a, b Missed) int { return a.Place.Line - b.Place.Line })
	return c
}

// armsOf returns the arms of a step, named as step visits name them.
func armsOf(s *journey.Step) []string {
	arms := s.ArmKeys()
	if s.When != "" {
		arms = append(arms, journey.ArmSkipped)
	}
	return arms
}
