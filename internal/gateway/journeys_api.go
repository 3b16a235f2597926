package gateway

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/store"
)

func (g *Gateway) adminJourney(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	n, err := g.numbers(r.Context(), name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		g.refuse(
			w,
			r,
			&fail{Status: http.StatusNotFound, Code: "unknown_journey", Field: "name", Message: "no such journey: " + strconv.Quote(name)},
		)
	case err != nil:
		g.storeFailed(w, r, err)
	default:
		writeJSON(w, http.StatusOK, viewNumbers(n))
	}
}

func viewNumbers(n store.Numbers) api.JourneyNumbers {
	out := api.JourneyNumbers{
		Journey:   n.Journey,
		At:        n.At,
		Revision:  n.Current,
		Paused:    n.Paused,
		Entries:   n.Entries,
		HeldOut:   n.HeldOut,
		Cut:       n.Cut,
		Since:     n.Since,
		Revisions: []api.RevisionNumbers{},
		Steps:     []api.StepNumbers{},
		Ends:      []api.EndNumbers{},
	}
	for _, v := range n.Revisions {
		out.Revisions = append(out.Revisions, api.RevisionNumbers(v))
	}
	for _, s := range n.Steps {
		step := api.StepNumbers{
			Revision:  s.Revision,
			Step:      s.Step,
			Kind:      s.Kind,
			Here:      s.Here,
			Passed:    s.Passed,
			Instances: s.Instances,
			Skipped:   s.Skipped,
			Arms:      s.Arms,
		}
		for _, send := range s.Sends {
			step.Sends = append(step.Sends, api.SendNumbers(send))
		}
		out.Steps = append(out.Steps, step)
	}
	for _, e := range n.Ends {
		out.Ends = append(
			out.Ends,
			api.EndNumbers{Revision: e.Revision, HeldOut: e.HeldOut, Outcome: e.Outcome, Count: e.Count, Value: e.Value},
		)
	}
	f := n.Funnel
	out.Funnel = api.FunnelNumbers{Goal: f.Goal, Treated: viewGroup(f.Treated), HeldOut: viewGroup(f.HeldOut), Milestones: []api.MilestoneNumbers{}}
	for _, m := range f.Milestones {
		out.Funnel.Milestones = append(out.Funnel.Milestones, api.MilestoneNumbers(m))
	}
	if f.Compared {
		out.Funnel.Difference = &api.Interval{Estimate: f.Difference.Share, Low: f.Difference.Low, High: f.Difference.High}
	}
	if f.Lifted {
		out.Funnel.Lift = &f.Lift
	}
	return out
}

func viewGroup(g store.Group) api.GroupNumbers {
	return api.GroupNumbers{Maturing: g.Maturing, Customers: g.Customers, Converted: g.Converted, Late: g.Late,
		Rate: api.Interval{Estimate: g.Rate.Share, Low: g.Rate.Low, High: g.Rate.High}, Value: g.Value, ValuePerCustomer: g.PerHead}
}
