package diff

import (
	"fmt"
	"math"
	"slices"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// warnings returns effects on customers that the listed changes do not show.
func (m *match) warnings() []string {
	var out []string
	if old, new := m.old.def.Entry.Holdout, m.new.def.Entry.Holdout; old != new {
		out = append(
			out,
			fmt.Sprintf(
				"holdout %s → %s: %s%% of the customers change sides at their next entry, so the groups before and after are not the same",
				number(old),
				number(new),
				number(math.Abs(old-new)),
			),
		)
	}
	for i, j := range m.toNew {
		if j < 0 {
			continue
		}
		old, new := &m.old.def.Steps[i], &m.new.def.Steps[j]
		from, ok := old.Spec.(*journey.Split)
		to, same := new.Spec.(*journey.Split)
		if !ok || !same {
			continue
		}
		switch share := moving(from, to); {
		case old.ID != new.ID:
			out = append(
				out,
				fmt.Sprintf(
					"split %s is called %s now: the id decides who goes where, so customers are dealt out anew; keep the id to keep "+
						"them in their arms",
					old.ID,
					new.ID,
				),
			)
		case share > 0:
			out = append(
				out,
				fmt.Sprintf(
					"split %s: %s%% of the customers who come to it, again or for the first time, go another way than they would have",
					new.ID,
					number(math.Round(share*1000)/10),
				),
			)
		}
	}
	return out
}

// moving returns the share of customers who change arms. The arms divide [0, 1) in the order of the file, and a
// customer is a fixed point in it.
func moving(old, new *journey.Split) float64 {
	var edges []float64
	bounds := func(s *journey.Split) []float64 {
		total := 0.0
		for _, arm := range s.Arms {
			total += arm.Weight
		}
		var out []float64
		sum := 0.0
		for _, arm := range s.Arms {
			sum += arm.Weight
			out = append(out, sum/total)
		}
		return out
	}
	a, b := bounds(old), bounds(new)
	edges = append(edges, 0, 1)
	edges = append(edges, a...)
	edges = append(edges, b...)
	slices.Sort(edges)
	arm := func(s *journey.Split, bounds []float64, at float64) string {
		for i, end := range bounds {
			if at < end {
				if s.Arms[i].Name != "" {
					return s.Arms[i].Name
				}
				return armKey(i)
			}
		}
		return ""
	}
	share := 0.0
	for i := 1; i < len(edges); i++ {
		middle := (edges[i-1] + edges[i]) / 2
		if edges[i]-edges[i-1] > 1e-9 && arm(old, a, middle) != arm(new, b, middle) {
			share += edges[i] - edges[i-1]
		}
	}
	return share
}

// lostMessages returns the messages that enrollments of the old revision still send and the new content lacks.
func lostMessages(old *journey.Definition, new *journey.Content) []string {
	if old == nil {
		return nil
	}
	var out []string
	for i := range old.Steps {
		for _, said := range old.Steps[i].Describe().Messages {
			if new.Messages[said.Message] != nil {
				continue
			}
			out = append(
				out,
				fmt.Sprintf(
					"message %s is gone, and step %s of the old revision says it: publish refuses that while such instances are open; "+
						"keep the message until they have ended or moved",
					said.Message,
					old.Steps[i].ID,
				),
			)
		}
	}
	return out
}
