package gateway

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/tabi-journeys/tabi/internal/store"
)

// AdminJourneys is where the numbers of a journey are: GET AdminJourneys + "/<name>" → JourneyNumbers (404: no
// such journey).
const AdminJourneys = "/v1/admin/journeys"

// JourneyNumbers are what is known of a journey's instances; see store.Numbers, which it is the JSON form of.
type JourneyNumbers struct {
	Journey   string            `json:"journey"`
	At        time.Time         `json:"at"`                 // virtual
	Revision  string            `json:"revision,omitempty"` // of the current release
	Paused    bool              `json:"paused"`
	Entries   int64             `json:"entries"` // the latest, at most store.NumbersLimit
	HeldOut   int64             `json:"held_out"`
	Cut       bool              `json:"cut"` // there were more before them
	Since     time.Time         `json:"since,omitzero"`
	Revisions []RevisionNumbers `json:"revisions"`
	Steps     []StepNumbers     `json:"steps"`
	Ends      []EndNumbers      `json:"ends"`
	Funnel    FunnelNumbers     `json:"funnel"`
}

// RevisionNumbers are the instances on a revision.
type RevisionNumbers struct {
	Revision string    `json:"revision"`
	Entries  int64     `json:"entries"`
	Open     int64     `json:"open"`
	HeldOut  int64     `json:"held_out"` // of Open
	Watching int64     `json:"watching"` // of Open, those that only watch for the goal
	Starting int64     `json:"starting"` // of Open, those that have not said yet where they are
	Paused   int64     `json:"paused"`   // of Open
	First    time.Time `json:"first,omitzero"`
	Last     time.Time `json:"last,omitzero"`
}

// StepNumbers are what happened at a step of a revision.
type StepNumbers struct {
	Revision  string           `json:"revision"`
	Step      string           `json:"step"`
	Kind      string           `json:"kind"`
	Here      int64            `json:"here"`
	Passed    int64            `json:"passed"`
	Instances int64            `json:"instances"`
	Skipped   int64            `json:"skipped"`
	Arms      map[string]int64 `json:"arms"` // "": on behind the step
	Sends     []SendNumbers    `json:"sends,omitempty"`
}

// SendNumbers count a step's sends.
type SendNumbers struct {
	Channel string `json:"channel,omitempty"`
	Status  string `json:"status"`
	Reason  string `json:"reason,omitempty"`
	Count   int64  `json:"count"`
	InDoubt int64  `json:"in_doubt,omitempty"`
}

// EndNumbers count how instances ended.
type EndNumbers struct {
	Revision string  `json:"revision"`
	HeldOut  bool    `json:"held_out"`
	Outcome  string  `json:"outcome"`
	Count    int64   `json:"count"`
	Value    float64 `json:"value"`
}

// FunnelNumbers compare treated and held-out customers whose window is over.
type FunnelNumbers struct {
	Goal       bool               `json:"goal"`
	Treated    GroupNumbers       `json:"treated"`
	HeldOut    GroupNumbers       `json:"held_out"`
	Milestones []MilestoneNumbers `json:"milestones"`
	Difference *Interval          `json:"difference,omitempty"` // of the rates, treated less held-out, by Newcombe's method
	Lift       *float64           `json:"lift,omitempty"`       // Difference relative to the rate of the held-out
}

// GroupNumbers are one side of it.
type GroupNumbers struct {
	Maturing         int64    `json:"maturing"`
	Customers        int64    `json:"customers"`
	Converted        int64    `json:"converted"`
	Late             int64    `json:"late"` // of Converted, after the instance had ended
	Rate             Interval `json:"rate"` // by Wilson's method
	Value            float64  `json:"value"`
	ValuePerCustomer float64  `json:"value_per_customer"`
}

// MilestoneNumbers are a send, and how many treated customers it was delivered to.
type MilestoneNumbers struct {
	Step      string `json:"step"`
	Message   string `json:"message"`
	Customers int64  `json:"customers"`
}

// Interval is a share of 1 with its interval of 95 %.
type Interval struct {
	Estimate float64 `json:"estimate"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
}

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

func viewNumbers(n store.Numbers) JourneyNumbers {
	out := JourneyNumbers{
		Journey:   n.Journey,
		At:        n.At,
		Revision:  n.Current,
		Paused:    n.Paused,
		Entries:   n.Entries,
		HeldOut:   n.HeldOut,
		Cut:       n.Cut,
		Since:     n.Since,
		Revisions: []RevisionNumbers{},
		Steps:     []StepNumbers{},
		Ends:      []EndNumbers{},
	}
	for _, v := range n.Revisions {
		out.Revisions = append(out.Revisions, RevisionNumbers(v))
	}
	for _, s := range n.Steps {
		step := StepNumbers{
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
			step.Sends = append(step.Sends, SendNumbers(send))
		}
		out.Steps = append(out.Steps, step)
	}
	for _, e := range n.Ends {
		out.Ends = append(
			out.Ends,
			EndNumbers{Revision: e.Revision, HeldOut: e.HeldOut, Outcome: e.Outcome, Count: e.Count, Value: e.Value},
		)
	}
	f := n.Funnel
	out.Funnel = FunnelNumbers{Goal: f.Goal, Treated: viewGroup(f.Treated), HeldOut: viewGroup(f.HeldOut), Milestones: []MilestoneNumbers{}}
	for _, m := range f.Milestones {
		out.Funnel.Milestones = append(out.Funnel.Milestones, MilestoneNumbers(m))
	}
	if f.Compared {
		out.Funnel.Difference = &Interval{f.Difference.Share, f.Difference.Low, f.Difference.High}
	}
	if f.Lifted {
		out.Funnel.Lift = &f.Lift
	}
	return out
}

func viewGroup(g store.Group) GroupNumbers {
	return GroupNumbers{Maturing: g.Maturing, Customers: g.Customers, Converted: g.Converted, Late: g.Late,
		Rate: Interval{g.Rate.Share, g.Rate.Low, g.Rate.High}, Value: g.Value, ValuePerCustomer: g.PerHead}
}
