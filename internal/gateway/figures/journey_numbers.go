package figures

import (
	"context"
	"sync"
	"time"

	"github.com/tabi-journeys/tabi/internal/analytics"
	"github.com/tabi-journeys/tabi/internal/api"
)

const (
	numbersAge     = 5 * time.Second  // how old a journey's numbers may be when they are shown (wall time)
	numbersTimeout = 45 * time.Second // of reading them (wall time)
	numbersKept    = 64               // journeys whose numbers are kept in memory
)

// journeyNumbers keeps the numbers of one journey.
type journeyNumbers struct {
	mu   sync.Mutex
	at   time.Time // wall; zero: not read yet
	last analytics.Numbers
}

// Numbers returns a journey's numbers, fresh or a few seconds old. Callers who ask while they are being read wait for the same
// answer, so that many viewers cost the database no more than one.
func (s *Figures) Numbers(ctx context.Context, name string) (analytics.Numbers, error) {
	s.journeysMu.Lock()
	if len(s.journeys) >= numbersKept {
		s.journeys = map[string]*journeyNumbers{}
	}
	k := s.journeys[name]
	if k == nil {
		k = &journeyNumbers{}
		s.journeys[name] = k
	}
	s.journeysMu.Unlock()
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.at.IsZero() && s.Wall().Sub(k.at) < numbersAge {
		return k.last, nil
	}
	ctx, cancel := context.WithTimeout(ctx, numbersTimeout)
	defer cancel()
	n, err := s.rooms.Analytics.Numbers(ctx, s.Now(), name)
	if err != nil {
		return n, err
	}
	k.at, k.last = s.Wall(), n
	return n, nil
}

// ViewNumbers converts numbers to the form of the admin API.
func ViewNumbers(n analytics.Numbers) api.JourneyNumbers {
	out := api.JourneyNumbers{
		Journey:   n.Journey,
		At:        n.At,
		Revision:  n.Current,
		Shown:     n.Shown,
		Paused:    n.Paused,
		Entries:   n.Entries,
		HeldOut:   n.HeldOut,
		Cut:       n.Cut,
		Since:     n.Since,
		Revisions: []api.RevisionNumbers{},
		Steps:     []api.StepNumbers{},
		Ends:      []api.EndNumbers{},

		CompleteSince: api.CompleteSince(n.Begins),
	}
	for _, v := range n.Revisions {
		out.Revisions = append(out.Revisions, api.RevisionNumbers(v))
	}
	for _, s := range n.Steps {
		step := api.StepNumbers{
			Revision:    s.Revision,
			Step:        s.Step,
			Shown:       s.Shown,
			Kind:        s.Kind,
			Here:        s.Here,
			Passed:      s.Passed,
			Enrollments: s.Enrollments,
			Skipped:     s.Skipped,
			Arms:        s.Arms,
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
	out.Funnel = api.FunnelNumbers{Goal: f.Goal, Treated: viewGroup(f.Treated), HeldOut: viewGroup(f.HeldOut),
		Milestones: []api.MilestoneNumbers{}}
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

func viewGroup(g analytics.Group) api.GroupNumbers {
	return api.GroupNumbers{Maturing: g.Maturing, Customers: g.Customers, Converted: g.Converted, Early: g.Early, Late: g.Late,
		Rate: api.Interval{Estimate: g.Rate.Share, Low: g.Rate.Low, High: g.Rate.High}, Value: g.Value, ValuePerCustomer: g.PerHead}
}
