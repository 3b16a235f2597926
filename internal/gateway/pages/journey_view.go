package pages

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tabi-journeys/tabi/internal/analytics"
	"github.com/tabi-journeys/tabi/internal/graph"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/stats"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// journeyView is the data of a journey's page.
type journeyView struct {
	analytics.Numbers
	Description, Owner     string
	Revision               string // the revision whose numbers are shown; empty: all
	Shown                  string // the revision that is drawn
	Drawing                template.HTML
	Entered, OpenNow       int64 // of the revision, or of all
	AwaitingGoal, Starting int64 // of OpenNow
	Control                int64 // of OpenNow, held out
	Steps                  []stepRow
	Elsewhere              []stepRow // steps that the drawing does not have, by revision
	Lost                   int64     // enrollments at those steps
	Ends                   []endRow
	Blocked, Failing       []reasonRow
	Window                 string // of the funnel, in words
	Stages                 []stageRow
	Groups                 []groupRow
	Verdict                string // of the comparison, in words
	Splits                 []splitRow
	Audit                  auditView
	Live                   bool
}

// OfAllCustomers says that agents of queues see no personal data in it.
func (journeyView) OfAllCustomers() {}

type stepRow struct {
	Step, Kind, Title string
	Revision          string // of a step that the drawing does not have
	Here, Passed      int64
	Skipped           int64
	Ways              []wayRow
	Sends             []sendRow
	Message           string // that the drawn step says; empty: none, or several
}

// sendRow counts sends of a step. Other is the message if the drawn step does not say it alone.
type sendRow struct {
	analytics.SendNumbers
	Other string
}

type wayRow struct {
	Label, Share string
	Count        int64
	Own          bool // the label is in an agent's own words
}

// HidePersonal hides what agents wrote.
func (w *wayRow) HidePersonal() {
	if w.Own {
		w.Label = human.Hidden
	}
}

// HidePersonal hides a reason in a provider's words; sendRow has the same.
func (r *reasonRow) HidePersonal() { r.Reason = human.HideReason(r.Reason) }

// HidePersonal hides a reason in a provider's words.
func (r *sendRow) HidePersonal() { r.Reason = human.HideReason(r.Reason) }

type endRow struct {
	Outcome          string
	Treated, Control int64
	Share            string // of the treated customers
}

type reasonRow struct {
	Step, Channel, Reason string
	Count                 int64
}

// stageRow is a stage of the funnel. Width is in percent.
type stageRow struct {
	Label, Step, Share string
	Customers          int64
	Maturing           int64 // customers whose window is not over
	Width              float64
}

// groupRow is one group of the comparison. Low, High and At are positions in percent on an axis from 0 to the higher end of both
// intervals.
type groupRow struct {
	Label string
	analytics.Group
	Low, High, At float64
}

// viewJourney returns the data of a journey's page. chosen is the revision whose numbers are shown; empty: all.
func viewJourney(n analytics.Numbers, d *journey.Definition, chosen string) journeyView {
	v := journeyView{
		Numbers:     n,
		Description: d.Description,
		Owner:       d.Owner,
		Revision:    chosen,
		Shown:       d.Revision(),
		Window:      human.Duration(d.Timeout),
	}
	if d.Goal != nil && d.Goal.Within > 0 {
		v.Window = human.Duration(d.Goal.Within)
	}
	for _, rev := range n.Revisions {
		if chosen == "" || rev.Revision == chosen {
			v.Entered, v.OpenNow = v.Entered+rev.Entries, v.OpenNow+rev.Open
			v.AwaitingGoal, v.Starting, v.Control = v.AwaitingGoal+rev.AwaitingGoal, v.Starting+rev.Starting, v.Control+rev.HeldOut
		}
	}
	v.ends(chosen)
	of, elsewhere := n.Of(chosen)
	g := graph.New(d)
	overlay := &graph.Overlay{Entered: v.Entered, Steps: map[string]graph.Count{}, Ends: map[string]int64{}}
	if chosen == "" {
		overlay.HeldOut = n.HeldOut
	}
	for _, e := range v.Ends {
		overlay.Ends[e.Outcome] = e.Treated
	}
	drawn, steps := map[string]bool{}, map[string]int{}
	for i := range d.Steps {
		steps[d.Steps[i].ID] = i
	}
	for _, node := range g.Nodes {
		if node.Step == "" {
			continue
		}
		drawn[node.Step] = true
		s := of[node.Step]
		overlay.Steps[node.Step] = graph.Count{Now: s.Here, Passed: s.Passed, Arms: s.Arms, Alert: alert(s.Sends)}
		said := ""
		if i, ok := steps[node.Step]; ok {
			if messages := d.Steps[i].Describe().Messages; len(messages) == 1 {
				said = messages[0].Message
			}
		}
		drawnRow := row(node.Step, node.Kind, node.Title, said, s, g.Ways(node.Step))
		drawnRow.Message = said
		v.Steps = append(v.Steps, drawnRow)
	}
	for _, id := range slices.Sorted(maps.Keys(of)) {
		if !drawn[id] {
			elsewhere = append(elsewhere, of[id])
		}
		v.reasons(of[id])
	}
	for _, s := range elsewhere {
		r := row(s.Step, s.Kind, "", "", s, nil)
		r.Revision = cmp.Or(s.Revision, n.Shown)
		v.Elsewhere = append(v.Elsewhere, r)
		v.Lost += s.Here
		if s.Shown == "" {
			v.reasons(s)
		}
	}
	for _, list := range [][]reasonRow{v.Blocked, v.Failing} {
		slices.SortStableFunc(list, func(a, b reasonRow) int { return cmp.Compare(b.Count, a.Count) })
	}
	v.Drawing = template.HTML(g.SVG(graph.Options{Inline: true, Overlay: overlay, Message: messagePath})) // SVG escapes texts
	v.funnel()
	v.splits()
	return v
}

// reasons lists the sends of a step that were suppressed or fail.
func (v *journeyView) reasons(s analytics.StepNumbers) {
	for _, send := range s.Sends {
		r := reasonRow{Step: s.Step, Channel: send.Channel, Reason: send.Reason, Count: send.Count}
		switch send.Status {
		case contract.StatusSuppressed:
			v.Blocked = append(v.Blocked, r)
		case contract.StatusFailed:
			v.Failing = append(v.Failing, r)
		case contract.StatusRetry:
			r.Reason = "retrying"
			v.Failing = append(v.Failing, r)
		}
		if send.InDoubt > 0 {
			v.Failing = append(
				v.Failing,
				reasonRow{Step: s.Step, Channel: send.Channel, Reason: "unknown: the provider may or may not have sent it",
					Count: send.InDoubt},
			)
		}
	}
}

// row returns a row of the table of steps. said is the message that the step says.
func row(step, kind, title, said string, s analytics.StepNumbers, edges []graph.Edge) stepRow {
	r := stepRow{Step: step, Kind: kind, Title: title, Here: s.Here, Passed: s.Passed, Skipped: s.Skipped}
	for _, send := range s.Sends {
		one := sendRow{SendNumbers: send}
		if send.Message != said {
			one.Other = send.Message
		}
		r.Sends = append(r.Sends, one)
	}
	labels := map[string]string{}
	var order []string
	for _, e := range edges {
		if e.Label != "" {
			labels[e.Arm] = e.Label
			order = append(order, e.Arm)
		}
	}
	shares := graph.Count{Arms: s.Arms}.Shares(order)
	counted := map[string]bool{}
	for _, arm := range order {
		if arm == graph.ArmOther || counted[arm] {
			continue
		}
		counted[arm] = true
		r.Ways = append(r.Ways, way(labels[arm], s.Arms[arm], shares, arm))
	}
	// outcomes that agents entered themselves, and steps that are not drawn
	_, other := labels[graph.ArmOther]
	for _, arm := range slices.Sorted(maps.Keys(s.Arms)) {
		if other || len(edges) == 0 || arm == analytics.ArmEarlier {
			if arm != "" && !counted[arm] {
				r.Ways = append(r.Ways, wayRow{Label: journey.ArmLabel(arm), Count: s.Arms[arm], Own: kind == "handoff"})
			}
		}
	}
	return r
}

func way(label string, n int64, shares map[string]float64, arm string) wayRow {
	w := wayRow{Label: label, Count: n}
	if share, ok := shares[arm]; ok {
		w.Share = graph.Percent(share)
	}
	return w
}

// reasonEnded is the reason of sends that were abandoned because their enrollment ended. They are no alert.
const reasonEnded = "JOURNEY_ENDED"

// alert describes the sends of a step that need attention; empty: none do.
func alert(sends []analytics.SendNumbers) string {
	failed, repeated, doubt := int64(0), int64(0), int64(0)
	worst := analytics.SendNumbers{}
	for _, s := range sends {
		doubt += s.InDoubt
		switch {
		case s.Status == contract.StatusRetry:
			repeated += s.Count
		case s.Status == contract.StatusFailed && s.Reason != reasonEnded:
			failed += s.Count
			if s.Count > worst.Count {
				worst = s
			}
		}
	}
	var out []string
	if failed > 0 {
		if reason := worst.Reason; human.HideReason(reason) == reason { // every role sees it
			out = append(out, strings.TrimSuffix(graph.Number(failed)+" failed: "+reason, ": "))
		} else {
			out = append(out, graph.Number(failed)+" failed")
		}
	}
	if repeated > 0 {
		out = append(out, graph.Number(repeated)+" retrying")
	}
	if doubt > 0 {
		out = append(out, graph.Number(doubt)+" unknown")
	}
	return strings.Join(out, ", ")
}

func (v *journeyView) ends(chosen string) {
	byOutcome := map[string]*endRow{}
	total := int64(0)
	for _, e := range v.Numbers.Ends {
		if chosen != "" && e.Revision != chosen {
			continue
		}
		if byOutcome[e.Outcome] == nil {
			byOutcome[e.Outcome] = &endRow{Outcome: e.Outcome}
		}
		if e.HeldOut {
			byOutcome[e.Outcome].Control += e.Count
		} else {
			byOutcome[e.Outcome].Treated += e.Count
			total += e.Count
		}
	}
	for _, outcome := range slices.Sorted(maps.Keys(byOutcome)) {
		row := *byOutcome[outcome]
		if total > 0 {
			row.Share = graph.Percent(float64(row.Treated) / float64(total))
		}
		v.Ends = append(v.Ends, row)
	}
	slices.SortStableFunc(v.Ends, func(a, b endRow) int { return cmp.Compare(b.Treated+b.Control, a.Treated+a.Control) })
}

// funnel sets the rows of the funnel and of the comparison, and the verdict.
func (v *journeyView) funnel() {
	f := v.Funnel
	stage := func(label, step string, n, maturing int64) {
		s := stageRow{Label: label, Step: step, Customers: n, Maturing: maturing}
		if f.Treated.Customers > 0 {
			share := float64(n) / float64(f.Treated.Customers)
			s.Share, s.Width = graph.Percent(share), math.Round(1000*share)/10
		}
		v.Stages = append(v.Stages, s)
	}
	stage("entered", "", f.Treated.Customers, f.Treated.Maturing)
	for _, m := range f.Milestones {
		stage(m.Message+" sent", m.Step, m.Customers, m.Maturing)
	}
	if !f.Goal {
		return
	}
	stage("reached the goal", "", f.Treated.Converted, f.Treated.Early)
	end := max(f.Treated.Rate.High, 0.001)
	if f.HeldOut.Customers > 0 {
		end = max(end, f.HeldOut.Rate.High)
	}
	group := func(label string, g analytics.Group) {
		v.Groups = append(
			v.Groups,
			groupRow{Label: label, Group: g, Low: 100 * g.Rate.Low / end, High: 100 * g.Rate.High / end, At: 100 * g.Rate.Share / end},
		)
	}
	group("treated", f.Treated)
	if f.HeldOut.Customers+f.HeldOut.Maturing > 0 {
		group("held out", f.HeldOut)
	}
	switch d := f.Difference; {
	case !f.Compared:
	case d.Low > 0:
		v.Verdict = "Treated customers reach the goal more often: " + spread(d) + v.lift() + "."
	case d.High < 0:
		v.Verdict = "Treated customers reach the goal less often: " + spread(d) + v.lift() + "."
	default:
		v.Verdict = "There is no clear difference yet: " + spread(d) + ". The interval contains 0, so both groups may be the same."
	}
}

func spread(d stats.Difference) string {
	return fmt.Sprintf("%s percentage points (95 %%: %s to %s)", points(d.Share), points(d.Low), points(d.High))
}

func (v *journeyView) lift() string {
	if !v.Funnel.Lifted {
		return ""
	}
	return fmt.Sprintf(", a relative lift of %+.0f %%", 100*v.Funnel.Lift)
}

func points(share float64) string {
	return strings.Replace(fmt.Sprintf("%+.1f", 100*share), "-", "−", 1)
}

// percent1 formats a share as a percentage with one decimal.
func percent1(share float64) string { return strconv.FormatFloat(100*share, 'f', 1, 64) + " %" }

// amount formats a number with two decimals, or none if they are zero.
func amount(v float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 2, 64), ".00")
}

// brief shortens a revision.
func brief(revision string) string { return revision[:min(len(revision), 10)] }
