package gateway

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/store"
)

// AdminReport is what came of the offers: GET AdminReport ?since=30d → Report. since is a duration of virtual
// time before now; default 30d, "all" for all time.
const AdminReport = "/v1/admin/report"

// defaultReport is how far a report looks back that does not say.
const defaultReport = "30d"

// Report is what next best actions and journeys brought.
type Report struct {
	At       time.Time       `json:"at"` // virtual
	Since    time.Time       `json:"since,omitzero"`
	Actions  []ActionReport  `json:"actions"`
	NoAccept []string        `json:"no_accept"` // actions of the current release that nothing accepts: they make no offers, and nothing is learned of them
	Journeys []JourneyReport `json:"journeys"`
	Controls []ControlReport `json:"controls"` // full arbitration first, with control ""
}

// OfferNumbers count offers; Rate is of those that are resolved, by Wilson's method.
type OfferNumbers struct {
	Offers   int64    `json:"offers"`
	Accepted int64    `json:"accepted"`
	Ignored  int64    `json:"ignored"`
	Open     int64    `json:"open"`
	Rate     Interval `json:"rate"`
	Value    float64  `json:"value"` // of the accepted
	Cost     float64  `json:"cost"`  // of all offers made
	Net      float64  `json:"net"`
}

// ActionReport is an action on a channel; Evidence and Positives are the model's.
type ActionReport struct {
	Action  string `json:"action"`
	Channel string `json:"channel"`
	OfferNumbers
	Evidence  float64 `json:"evidence"`
	Positives float64 `json:"positives"`
}

// JourneyReport is a journey against its control group, and the offers it made. Journey is empty for offers
// that a channel asked for.
type JourneyReport struct {
	Journey    string        `json:"journey"`
	Offers     OfferNumbers  `json:"offers"`
	Goal       bool          `json:"goal"`
	Treated    *GroupNumbers `json:"treated,omitempty"`
	HeldOut    *GroupNumbers `json:"held_out,omitempty"`
	Difference *Interval     `json:"difference,omitempty"` // of the rates, treated less held-out, by Newcombe's method
	Lift       *float64      `json:"lift,omitempty"`
	// NetPerCustomer is the goal's value less the cost of the offers, for each treated customer whose window is over.
	NetPerCustomer float64 `json:"net_per_customer"`
}

// ControlReport is a control test of arbitration. The differences are full arbitration less this group.
type ControlReport struct {
	Control string `json:"control"`
	OfferNumbers
	ValuePerOffer   Interval  `json:"value_per_offer"`
	RateDifference  *Interval `json:"rate_difference,omitempty"`
	RateLift        *float64  `json:"rate_lift,omitempty"`
	RateZ           *float64  `json:"rate_z,omitempty"`
	ValueDifference *Interval `json:"value_difference,omitempty"`
}

func (g *Gateway) adminReport(w http.ResponseWriter, r *http.Request) {
	since, f := g.since(r)
	if f != nil {
		g.refuse(w, r, f)
		return
	}
	report, err := g.report(r.Context(), since)
	if err != nil {
		g.storeFailed(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, report)
}

// since reads from when on a report counts; the zero time is all time.
func (g *Gateway) since(r *http.Request) (time.Time, *fail) {
	text := r.URL.Query().Get("since")
	if text == "" {
		text = defaultReport
	}
	if text == "all" {
		return time.Time{}, nil
	}
	d, err := clock.ParseDuration(text)
	if err != nil || d <= 0 {
		return time.Time{}, bad("since", `is a duration such as 30d, or "all"`)
	}
	return g.now().Add(-d), nil
}

// report puts together what the store counts.
func (g *Gateway) report(ctx context.Context, since time.Time) (Report, error) {
	a, err := g.cfg.Store.Acceptance(ctx, g.now(), since)
	if err != nil {
		return Report{}, err
	}
	out := Report{
		At:       a.At,
		Since:    since,
		Actions:  []ActionReport{},
		NoAccept: []string{},
		Journeys: []JourneyReport{},
		Controls: []ControlReport{},
	}
	for _, one := range a.Actions {
		out.Actions = append(
			out.Actions,
			ActionReport{
				Action:       one.Action,
				Channel:      one.Channel,
				OfferNumbers: viewOffers(one.Offers),
				Evidence:     one.Evidence,
				Positives:    one.Positives,
			},
		)
	}
	for _, c := range a.Controls {
		out.Controls = append(out.Controls, viewControl(c))
	}
	offers := map[string]store.Offers{}
	for _, j := range a.Journeys {
		offers[j.Journey] = j.Offers
	}
	_, content, err := g.cfg.Store.Content(ctx)
	if err != nil {
		return Report{}, err
	}
	for _, name := range slices.Sorted(maps.Keys(content.Actions)) {
		if content.Actions[name].Accept == nil {
			out.NoAccept = append(out.NoAccept, name)
		}
	}
	names := map[string]bool{}
	for name := range content.Journeys {
		names[name] = true
	}
	for name := range offers {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		j := JourneyReport{Journey: name, Offers: viewOffers(offers[name])}
		if name != "" {
			n, err := g.numbers(ctx, name)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return Report{}, err
			}
			if err == nil {
				j.compare(viewNumbers(n).Funnel)
			}
		}
		out.Journeys = append(out.Journeys, j)
	}
	return out, nil
}

// Maturing are the customers of both groups whose time to reach the goal is not over.
func (j JourneyReport) Maturing() int64 {
	if j.Treated == nil || j.HeldOut == nil {
		return 0
	}
	return j.Treated.Maturing + j.HeldOut.Maturing
}

// compare takes over how the treated fared against the control group.
func (j *JourneyReport) compare(f FunnelNumbers) {
	j.Goal = f.Goal
	j.Treated, j.HeldOut, j.Difference, j.Lift = &f.Treated, &f.HeldOut, f.Difference, f.Lift
	if f.Treated.Customers > 0 {
		j.NetPerCustomer = (f.Treated.Value - j.Offers.Cost) / float64(f.Treated.Customers)
	}
}

func viewOffers(o store.Offers) OfferNumbers {
	return OfferNumbers{Offers: o.Made, Accepted: o.Accepted, Ignored: o.Ignored, Open: o.Open,
		Rate: Interval{o.Rate.Share, o.Rate.Low, o.Rate.High}, Value: o.Worth, Cost: o.Cost, Net: o.Net}
}

func viewControl(c store.ControlAcceptance) ControlReport {
	out := ControlReport{
		Control:       c.Control,
		OfferNumbers:  viewOffers(c.Offers),
		ValuePerOffer: Interval{c.Value.Mean, c.Value.Low, c.Value.High},
	}
	if against := c.Against; against.Compared {
		out.RateDifference = &Interval{against.Rate.Share, against.Rate.Low, against.Rate.High}
		out.ValueDifference = &Interval{against.Value.Share, against.Value.Low, against.Value.High}
		out.RateZ = &against.RateZ
		if against.Lifted {
			out.RateLift = &against.RateLift
		}
	}
	return out
}

// Name says in words what a control test leaves out.
func (c ControlReport) Name() string {
	switch c.Control {
	case "":
		return "full arbitration"
	case journey.ControlRandom:
		return "a random permitted action"
	case journey.ControlPropensityOnly:
		return "propensity alone"
	case journey.ControlNoLevers:
		return "without levers"
	case journey.ControlEligibilityOnly:
		return "eligibility alone, relevant or not"
	}
	return strings.ReplaceAll(c.Control, "_", " ")
}

// periods are those that the page offers.
var periods = []pair{{"1d", "day"}, {"7d", "week"}, {"30d", "30 days"}, {"90d", "90 days"}, {"all", "of all time"}}

type reportView struct {
	Report
	Asked string // since, as it was asked
}

// reportPage shows the report to people.
func (g *Gateway) reportPage(w http.ResponseWriter, r *http.Request) {
	since, f := g.since(r)
	if f != nil {
		g.problemPage(w, r, f.Status, "Unknown period", "A report looks back over a duration such as 30d, or over all time (since=all).")
		return
	}
	report, err := g.report(r.Context(), since)
	if err != nil {
		g.pageFailed(w, r, err)
		return
	}
	v := reportView{Report: report, Asked: r.URL.Query().Get("since")}
	if v.Asked == "" {
		v.Asked = defaultReport
	}
	g.render(w, r, http.StatusOK, "report.html", "Report", v)
}
