package gateway

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/store"
)

// defaultReport is how far a report looks back that does not say.
const defaultReport = "30d"

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
func (g *Gateway) report(ctx context.Context, since time.Time) (api.Report, error) {
	a, err := g.cfg.Store.Acceptance(ctx, g.now(), since)
	if err != nil {
		return api.Report{}, err
	}
	out := api.Report{
		At:       a.At,
		Since:    since,
		Actions:  []api.ActionReport{},
		NoAccept: []string{},
		Journeys: []api.JourneyReport{},
		Controls: []api.ControlReport{},
	}
	for _, one := range a.Actions {
		out.Actions = append(
			out.Actions,
			api.ActionReport{
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
		return api.Report{}, err
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
		j := api.JourneyReport{Journey: name, Offers: viewOffers(offers[name])}
		if name != "" {
			n, err := g.numbers(ctx, name)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return api.Report{}, err
			}
			if err == nil {
				j.Compare(viewNumbers(n).Funnel)
			}
		}
		out.Journeys = append(out.Journeys, j)
	}
	return out, nil
}

func viewOffers(o store.Offers) api.OfferNumbers {
	return api.OfferNumbers{Offers: o.Made, Accepted: o.Accepted, Ignored: o.Ignored, Open: o.Open,
		Rate: api.Interval{Estimate: o.Rate.Share, Low: o.Rate.Low, High: o.Rate.High}, Value: o.Worth, Cost: o.Cost, Net: o.Net}
}

func viewControl(c store.ControlAcceptance) api.ControlReport {
	out := api.ControlReport{
		Control:       c.Control,
		OfferNumbers:  viewOffers(c.Offers),
		ValuePerOffer: api.Interval{Estimate: c.Value.Mean, Low: c.Value.Low, High: c.Value.High},
	}
	if against := c.Against; against.Compared {
		out.RateDifference = &api.Interval{Estimate: against.Rate.Share, Low: against.Rate.Low, High: against.Rate.High}
		out.ValueDifference = &api.Interval{Estimate: against.Value.Share, Low: against.Value.Low, High: against.Value.High}
		out.RateZ = &against.RateZ
		if against.Lifted {
			out.RateLift = &against.RateLift
		}
	}
	return out
}

// periods are those that the page offers.
var periods = []pair{{"1d", "day"}, {"7d", "week"}, {"30d", "30 days"}, {"90d", "90 days"}, {"all", "of all time"}}

type reportView struct {
	api.Report
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
