package figures

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/analytics"
	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/retention"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// DefaultPeriod is how far a report looks back by default.
const DefaultPeriod = "30d"

// Since parses how far a report looks back: a duration of virtual time, "all" or empty (the default). The zero time is all time.
func (s *Figures) Since(text string) (time.Time, *web.Error) {
	if text == "" {
		text = DefaultPeriod
	}
	if text == "all" {
		return time.Time{}, nil
	}
	d, err := clock.ParseDuration(text)
	if err != nil || d <= 0 {
		return time.Time{}, web.Bad("since", `must be a duration such as 30d, or "all"`)
	}
	return s.Now().Add(-d), nil
}

// Report returns what next best actions and journeys achieved since a time.
func (s *Figures) Report(ctx context.Context, since time.Time) (api.Report, error) {
	a, err := s.rooms.Analytics.Acceptance(ctx, s.Now(), since)
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
	begins := retention.Begins{}
	maps.Copy(begins, a.Begins.After(since))
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
	offers := map[string]analytics.Offers{}
	for _, j := range a.Journeys {
		offers[j.Journey] = j.Offers
	}
	_, content, err := s.rooms.Catalog.Content(ctx)
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
			n, err := s.Numbers(ctx, name)
			if err != nil && !errors.Is(err, sqldb.ErrNotFound) {
				return api.Report{}, err
			}
			if err == nil {
				maps.Copy(begins, n.Begins)
				j.Compare(ViewNumbers(n).Funnel)
			}
		}
		out.Journeys = append(out.Journeys, j)
	}
	out.CompleteSince = api.CompleteSince(begins)
	return out, nil
}

func viewOffers(o analytics.Offers) api.OfferNumbers {
	return api.OfferNumbers{Offers: o.Made, Accepted: o.Accepted, Ignored: o.Ignored, Open: o.Open,
		Rate: api.Interval{Estimate: o.Rate.Share, Low: o.Rate.Low, High: o.Rate.High}, Value: o.Worth, Cost: o.Cost, Net: o.Net}
}

func viewControl(c analytics.ControlAcceptance) api.ControlReport {
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
