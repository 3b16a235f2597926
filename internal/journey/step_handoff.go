package journey

import (
	"maps"
	"slices"
	"time"
)

var handoffKind = Kind{
	Name: "handoff",
	Form: "`handoff: <queue>`; optional `priority: low, normal, high, urgent`, `note: <Liquid>`, `timeout: 4h`, `outcomes: {resolved: " +
		"[...]}`, `on_timeout: [...]`",
	Doc: "Hands the customer over to the agents of a queue and waits until an agent resolves the hand-off with an outcome, or until " +
		"the timeout. After an outcome that is not listed, the journey continues after the step. While the hand-off is open, " +
		"marketing to the customer is suppressed.",
	Example: "- handoff: support\n  priority: high\n  note: \"{{ customer.first_name }} waits for order {{ entry.order_id }}\"\n  " +
		"timeout: 4h\n  outcomes:\n    refunded: [{exit: refunded}]\n  on_timeout: [{wait: 1d}]\n",
	Results: []string{"outcome", "agent", "timed_out"},
	Options: []string{"priority", "note", "timeout", "outcomes", "on_timeout"},
	New:     func() Spec { return &Handoff{} },
}

// Priorities of a handoff, lowest first.
var Priorities = []string{"low", "normal", "high", "urgent"}

// Handoff assigns the customer to an agent of a queue.
type Handoff struct {
	Queue     string         `json:"queue"`
	Priority  string         `json:"priority"`       // default normal
	Note      string         `json:"note,omitempty"` // Liquid
	Timeout   time.Duration  `json:"timeout,omitempty"`
	Outcomes  map[string]int `json:"outcomes,omitempty"` // outcome → first step; others go to Next
	OnTimeout int            `json:"on_timeout"`
}

// Kind implements Spec.
func (*Handoff) Kind() string { return "handoff" }

// Describe implements Spec.
func (h *Handoff) Describe() Description {
	d := Description{Parks: true, GoesOn: true}
	for _, outcome := range slices.Sorted(maps.Keys(h.Outcomes)) {
		to := h.Outcomes[outcome] // a copy: a map has no places
		d.Arms = append(d.Arms, Arm{Key: outcome, To: &to})
	}
	d.Arms = append(d.Arms, Arm{Key: ArmTimeout, To: &h.OnTimeout})
	return d
}
