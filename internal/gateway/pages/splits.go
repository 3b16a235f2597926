package pages

import (
	"fmt"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/gateway/figures"
	"github.com/tabi-journeys/tabi/internal/graph"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/stats"
)

// splitRow compares the arms of a split.
type splitRow struct {
	Step     string
	Rows     []groupRow // the arms and the control group
	Verdicts []string   // of each two arms, and of each arm against the control group
	Note     string
}

// splits sets the comparisons of the splits.
func (v *journeyView) splits() {
	for _, s := range v.Numbers.Splits {
		r := splitRow{Step: s.Step}
		end := 0.001
		for _, arm := range s.Arms {
			if arm.Customers > 0 {
				end = max(end, arm.Rate.High)
			}
		}
		held := v.Funnel.HeldOut
		if held.Customers > 0 {
			end = max(end, held.Rate.High)
		}
		place := func(g groupRow) groupRow {
			g.Low, g.High, g.At = 100*g.Rate.Low/end, 100*g.Rate.High/end, 100*g.Rate.Share/end
			return g
		}
		for _, arm := range s.Arms {
			r.Rows = append(r.Rows, place(groupRow{Label: journey.ArmLabel(arm.Arm), Group: arm.Group}))
		}
		if held.Customers+held.Maturing > 0 {
			r.Rows = append(r.Rows, place(groupRow{Label: "control group", Group: held}))
		}
		for _, p := range s.Pairs {
			text := fmt.Sprintf("%s against %s: %s.", journey.ArmLabel(p.Arm), journey.ArmLabel(p.Other), inWords(p.Difference))
			if p.Needed > 0 && api.Verdict(figures.Difference(p.Difference)) == api.NotEnoughYet {
				text += fmt.Sprintf(" A difference of this size needs about %s customers in each arm.",
					graph.Number(p.Needed))
			}
			r.Verdicts = append(r.Verdicts, text)
		}
		for _, arm := range s.Arms {
			if arm.Compared {
				r.Verdicts = append(r.Verdicts,
					fmt.Sprintf("%s against the control group: %s.", journey.ArmLabel(arm.Arm), inWords(arm.Control)))
			}
		}
		if s.Reached < s.Of && held.Customers > 0 {
			r.Note = fmt.Sprintf("%s of %s treated customers came to this split. The control group has all customers, so the comparison "+
				"with it also has the difference between those who came and those who did not.",
				graph.Number(s.Reached), graph.Number(s.Of))
		}
		v.Splits = append(v.Splits, r)
	}
}

func inWords(d stats.Difference) string {
	i := figures.Difference(d)
	return verdictWords(api.Verdict(i), i)
}
