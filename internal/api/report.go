package api

import (
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// CompleteSince has, by kind of data, from when on the rows are complete that an answer is made of (virtual time; of audit wall time).
// A kind that is not in it is complete.
type CompleteSince map[string]time.Time

// Report has the results of next best actions and journeys.
type Report struct {
	At       time.Time       `json:"at" doc:"virtual"`
	Since    time.Time       `json:"since,omitzero"`
	Actions  []ActionReport  `json:"actions"`
	NoAccept []string        `json:"no_accept" doc:"actions of the current release without accept: no offers are recorded for them"`
	Journeys []JourneyReport `json:"journeys"`
	Controls []ControlReport `json:"controls" doc:"full arbitration first, with control ''"`

	CompleteSince CompleteSince `json:"complete_since,omitempty" doc:"by kind of data: since when all are there, where older were deleted"`
}

// OfferNumbers count offers. Rate is the accepted share of those accepted or ignored, by Wilson's method.
type OfferNumbers struct {
	Offers   int64    `json:"offers"`
	Accepted int64    `json:"accepted"`
	Ignored  int64    `json:"ignored"`
	Open     int64    `json:"open"`
	Rate     Interval `json:"rate"`
	Value    float64  `json:"value" doc:"of the accepted offers"`
	Cost     float64  `json:"cost"` // of all offers
	Net      float64  `json:"net"`
}

// ActionReport has the offers of an action on a channel. Evidence and Positives are the weights of all outcomes and of the
// acceptances in its model.
type ActionReport struct {
	Action  string `json:"action"`
	Channel string `json:"channel"`
	OfferNumbers
	Evidence  float64 `json:"evidence"`
	Positives float64 `json:"positives"`
}

// JourneyReport compares a journey with its control group, and counts its offers. Journey is empty for the offers of
// POST /v1/decide.
type JourneyReport struct {
	Journey    string        `json:"journey"`
	Offers     OfferNumbers  `json:"offers"`
	Goal       bool          `json:"goal"`
	Treated    *GroupNumbers `json:"treated,omitempty"`
	HeldOut    *GroupNumbers `json:"held_out,omitempty"`
	Difference *Interval     `json:"difference,omitempty" doc:"of the rates, treated minus held out, by Newcombe's method"`
	Lift       *float64      `json:"lift,omitempty"`
	// NetPerCustomer is the goal's value minus the cost of the offers, for each treated customer whose window is over.
	NetPerCustomer float64 `json:"net_per_customer"`
}

// ControlReport has the offers of a control group of arbitration. The differences are full arbitration minus this group.
type ControlReport struct {
	Control string `json:"control"`
	OfferNumbers
	ValuePerOffer   Interval  `json:"value_per_offer"`
	RateDifference  *Interval `json:"rate_difference,omitempty"`
	RateLift        *float64  `json:"rate_lift,omitempty"`
	RateZ           *float64  `json:"rate_z,omitempty"`
	ValueDifference *Interval `json:"value_difference,omitempty"`
}

// Name describes how the group's actions are chosen.
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
		return "eligibility alone"
	}
	return strings.ReplaceAll(c.Control, "_", " ")
}

// Maturing returns how many customers of both groups still have time to reach the goal.
func (j JourneyReport) Maturing() int64 {
	if j.Treated == nil || j.HeldOut == nil {
		return 0
	}
	return j.Treated.Maturing + j.HeldOut.Maturing
}

// Compare sets the comparison of treated and held-out customers.
func (j *JourneyReport) Compare(f FunnelNumbers) {
	j.Goal = f.Goal
	j.Treated, j.HeldOut, j.Difference, j.Lift = &f.Treated, &f.HeldOut, f.Difference, f.Lift
	if f.Treated.Customers > 0 {
		j.NetPerCustomer = (f.Treated.Value - j.Offers.Cost) / float64(f.Treated.Customers)
	}
}
