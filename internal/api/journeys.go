package api

import (
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/human"
)

// PauseRequest pauses or resumes a whole journey.
type PauseRequest struct {
	Journey string `json:"journey" minLength:"1"`
	Paused  bool   `json:"paused"`
	By      string `json:"by,omitempty"`
}

// PauseResponse is the number of open enrollments that get the command.
type PauseResponse struct {
	Success     bool `json:"success"`
	Enrollments int  `json:"enrollments"`
}

// Counts count what the store holds. Events, outcomes and sends also count what retention has deleted.
type Counts struct {
	Events          int64                       `json:"events"`
	Customers       int64                       `json:"customers"`
	OutboxDepth     int64                       `json:"outbox_depth" doc:"outbox entries that are not delivered"`
	OutboxOldest    time.Time                   `json:"outbox_oldest,omitzero" doc:"when the oldest of them was written"`
	DeliveryFailing int64                       `json:"delivery_failing" doc:"enrollments whose next delivery failed five times or more"`
	Open            map[string]int64            `json:"open"`
	Outcomes        map[string]map[string]int64 `json:"outcomes"`
	Sends           map[string]int64            `json:"sends" doc:"by channel/status"`
	Handoffs        int64                       `json:"handoffs"`
	PausedJourneys  []string                    `json:"paused_journeys"`
	DeadLetters     int64                       `json:"dead_letters" doc:"outbox entries that can never be delivered"`
	RejectedCalls   int64                       `json:"rejected_calls" doc:"refused calls that are kept: the latest, at most about 10,000"`
}

// JourneyNumbers count a journey's enrollments: by revision, step and end, and treated against held-out customers.
type JourneyNumbers struct {
	Journey   string            `json:"journey"`
	At        time.Time         `json:"at"` // virtual
	Revision  string            `json:"revision,omitempty" doc:"of the current release"`
	Shown     string            `json:"shown" doc:"the revision that is drawn: of the current release or, without one, the latest entered"`
	Paused    bool              `json:"paused"`
	Entries   int64             `json:"entries" doc:"the latest, at most 25,000"`
	HeldOut   int64             `json:"held_out"`
	Cut       bool              `json:"cut" doc:"older entries are not counted"`
	Since     time.Time         `json:"since,omitzero"`
	Revisions []RevisionNumbers `json:"revisions"`
	Steps     []StepNumbers     `json:"steps"`
	Ends      []EndNumbers      `json:"ends"`
	Funnel    FunnelNumbers     `json:"funnel"`

	CompleteSince CompleteSince `json:"complete_since,omitempty" doc:"by kind of data: since when all are there, where older were deleted"`
}

// RevisionNumbers count the enrollments on a revision.
type RevisionNumbers struct {
	Revision     string    `json:"revision"`
	Entries      int64     `json:"entries"`
	Open         int64     `json:"open"`
	HeldOut      int64     `json:"held_out" doc:"of the open ones"`
	AwaitingGoal int64     `json:"awaiting_goal" doc:"of the open ones, those that have ended their path and only wait for the goal"`
	Starting     int64     `json:"starting" doc:"of the open ones, those that have not reported a step yet"`
	Paused       int64     `json:"paused"` // of the open ones
	First        time.Time `json:"first,omitzero"`
	Last         time.Time `json:"last,omitzero"`
}

// StepNumbers count what happened at a step of a revision.
type StepNumbers struct {
	Revision    string           `json:"revision"`
	Step        string           `json:"step"`
	Shown       string           `json:"shown_step,omitempty" doc:"the same step of the revision shown: by id, else by content"`
	Kind        string           `json:"kind"`
	Here        int64            `json:"here"`
	Passed      int64            `json:"passed"`
	Enrollments int64            `json:"enrollments"`
	Skipped     int64            `json:"skipped"`
	Arms        map[string]int64 `json:"arms" doc:"visits that left the step, by arm of its revision; '' continues with the next step"`
	Sends       []SendNumbers    `json:"sends,omitempty"`

	Named []string `json:"-"` // outcomes of a hand-off that the journey names; others are in agents' own words
}

// OfAllCustomers says that agents of queues see no personal data in it.
func (JourneyNumbers) OfAllCustomers() {}

// HidePersonal counts the outcomes in agents' own words together.
func (s *StepNumbers) HidePersonal() {
	if s.Kind != "handoff" {
		return
	}
	arms := map[string]int64{}
	for arm, n := range s.Arms {
		if arm != "" && arm != "skipped" && arm != "on_timeout" && !slices.Contains(s.Named, arm) {
			arm = human.Hidden
		}
		arms[arm] += n
	}
	s.Arms = arms
}

// HidePersonal hides a reason in a provider's words.
func (s *SendNumbers) HidePersonal() { s.Reason = human.HideReason(s.Reason) }

// SendNumbers count a step's sends.
type SendNumbers struct {
	Message string `json:"message"`
	Channel string `json:"channel,omitempty"`
	Status  string `json:"status"`
	Reason  string `json:"reason,omitempty"`
	Count   int64  `json:"count"`
	InDoubt int64  `json:"outcome_unknown,omitempty"`
}

// EndNumbers count the enrollments that ended with an outcome.
type EndNumbers struct {
	Revision string  `json:"revision"`
	HeldOut  bool    `json:"held_out"`
	Outcome  string  `json:"outcome"`
	Count    int64   `json:"count"`
	Value    float64 `json:"value"`
}

// FunnelNumbers compare treated and held-out customers whose goal window is over.
type FunnelNumbers struct {
	Goal       bool               `json:"goal"`
	Treated    GroupNumbers       `json:"treated"`
	HeldOut    GroupNumbers       `json:"held_out"`
	Milestones []MilestoneNumbers `json:"milestones"`
	Difference *Interval          `json:"difference,omitempty" doc:"of the rates, treated minus held out, by Newcombe's method"`
	Lift       *float64           `json:"lift,omitempty"` // Difference relative to the rate of the held-out group
}

// GroupNumbers count the customers of one of the two groups.
type GroupNumbers struct {
	Maturing         int64    `json:"maturing"`
	Customers        int64    `json:"customers"`
	Converted        int64    `json:"converted"`
	Early            int64    `json:"early" doc:"of the maturing, those who reached the goal already"`
	Late             int64    `json:"late" doc:"of the converted, after the enrollment had ended"`
	Rate             Interval `json:"rate" doc:"by Wilson's method"`
	Value            float64  `json:"value"`
	ValuePerCustomer float64  `json:"value_per_customer"`
}

// MilestoneNumbers count the treated customers to whom a message was sent.
type MilestoneNumbers struct {
	Step      string `json:"step"`
	Message   string `json:"message"`
	Customers int64  `json:"customers"`
	Maturing  int64  `json:"maturing" doc:"customers whose window is not over"`
}

// Interval is an estimate with its 95 % interval; rates are between 0 and 1.
type Interval struct {
	Estimate float64 `json:"estimate"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
}
