package api

import (
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// Report is what next best actions and journeys brought.
type Report struct {
	At       time.Time       `json:"at" doc:"virtual"`
	Since    time.Time       `json:"since,omitzero"`
	Actions  []ActionReport  `json:"actions"`
	NoAccept []string        `json:"no_accept" doc:"actions of the current release that nothing accepts: they make no offers, and nothing is learned of them"`
	Journeys []JourneyReport `json:"journeys"`
	Controls []ControlReport `json:"controls" doc:"full arbitration first, with control ''"`
}

// OfferNumbers count offers; Rate is of those that are resolved, by Wilson's method.
type OfferNumbers struct {
	Offers   int64    `json:"offers"`
	Accepted int64    `json:"accepted"`
	Ignored  int64    `json:"ignored"`
	Open     int64    `json:"open"`
	Rate     Interval `json:"rate"`
	Value    float64  `json:"value" doc:"of the accepted"`
	Cost     float64  `json:"cost"` // of all offers made
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
	Difference *Interval     `json:"difference,omitempty" doc:"of the rates, treated less held-out, by Newcombe's method"`
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

// Maturing are the customers of both groups whose time to reach the goal is not over.
func (j JourneyReport) Maturing() int64 {
	if j.Treated == nil || j.HeldOut == nil {
		return 0
	}
	return j.Treated.Maturing + j.HeldOut.Maturing
}

// Compare takes over how the treated fared against the control group.
func (j *JourneyReport) Compare(f FunnelNumbers) {
	j.Goal = f.Goal
	j.Treated, j.HeldOut, j.Difference, j.Lift = &f.Treated, &f.HeldOut, f.Difference, f.Lift
	if f.Treated.Customers > 0 {
		j.NetPerCustomer = (f.Treated.Value - j.Offers.Cost) / float64(f.Treated.Customers)
	}
}
