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
				"holdout %s → %s: %s%% of the customers change groups at their next entry, so the groups before and after differ",
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
		from, to := old.Describe(), new.Describe()
		if len(from.Shares) == 0 || len(to.Shares) == 0 {
			continue
		}
		switch share := moving(from, to); {
		case old.ID != new.ID:
			out = append(
				out,
				fmt.Sprintf(
					"%s %s is now called %s: arms are assigned by the id, so customers are assigned again; keep the id to keep "+
						"them in their arms",
					new.Kind,
					old.ID,
					new.ID,
				),
			)
		case share > 0:
			out = append(
				out,
				fmt.Sprintf(
					"%s %s: %s%% of the customers who reach it from now on take another arm than before",
					new.Kind,
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
func moving(old, new journey.Description) float64 {
	bounds := func(shares []float64) []float64 {
		total := 0.0
		for _, share := range shares {
			total += share
		}
		out := make([]float64, len(shares))
		sum := 0.0
		for i, share := range shares {
			sum += share
			out[i] = sum / total
		}
		return out
	}
	arm := func(d journey.Description, bounds []float64, at float64) string {
		for i, end := range bounds {
			if at < end {
				return d.Arms[i].Key
			}
		}
		return ""
	}
	a, b := bounds(old.Shares), bounds(new.Shares)
	edges := slices.Concat([]float64{0, 1}, a, b)
	slices.Sort(edges)
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
					"message %s is gone, but step %s of the old revision sends it: publish refuses this while such enrollments are open; "+
						"keep the message until they have ended or moved",
					said.Message,
					old.Steps[i].ID,
				),
			)
		}
	}
	return out
}
