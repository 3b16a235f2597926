package journey

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey/syntax"
)

var handoffKind = Kind{
	Name:   "handoff",
	Label:  "hand-off",
	Family: Human,
	Icon:   "M8 8a2.700 2.700 0 1 0 0-5.400A2.700 2.700 0 1 0 8 8M3 14c0-3 2-4.500 5-4.500s5 1.500 5 4.500",
	Form: "`handoff: <queue>`; optional `priority: low, normal, high, urgent`, `note: <Liquid>`, `timeout: 4h`, `outcomes: {resolved: " +
		"[...]}`, `on_timeout: [...]`",
	Doc: "Hands the customer over to the agents of a queue and waits until an agent resolves the hand-off with an outcome, or until " +
		"the timeout. After an outcome that is not listed, the journey continues after the step. While the hand-off is open, " +
		"marketing to the customer is suppressed.",
	Example: "- handoff: support\n  priority: high\n  note: \"{{ customer.first_name }} waits for order {{ entry.order_id }}\"\n  " +
		"timeout: 4h\n  outcomes:\n    refunded: [{exit: refunded}]\n  on_timeout: [{wait: 1d}]\n",
	Results: []string{"outcome", "agent", "timed_out"},
	New:     func() Spec { return &Handoff{} },
}

// Priorities of a handoff, lowest first.
var Priorities = []string{"low", "normal", "high", "urgent"}

// Handoff assigns the customer to an agent of a queue.
type Handoff struct {
	Queue     string          `json:"queue"`
	Priority  string          `json:"priority"`       // default normal
	Note      string          `json:"note,omitempty"` // Liquid
	Timeout   time.Duration   `json:"timeout,omitempty"`
	Outcomes  map[string]*int `json:"outcomes,omitempty"` // outcome → first step; others go to Next
	OnTimeout int             `json:"on_timeout"`
}

// Kind implements Spec.
func (*Handoff) Kind() string { return "handoff" }

// Fields implements Spec.
func (h *Handoff) Fields() []syntax.Field {
	return []syntax.Field{
		{Key: "handoff", What: "the queue of handoff", Value: syntax.Word{To: &h.Queue}},
		{
			Key: "priority", Doc: "Default normal.",
			Value: syntax.Enum{To: &h.Priority, Words: Priorities, Default: "normal"},
		},
		{Key: "note", Doc: "Liquid: a note for the agents of the queue.", Value: syntax.Liquid{To: &h.Note}},
		{
			Key: "timeout", Doc: "How long to wait at most; default: until the enrollment ends.",
			Value: syntax.Duration{To: &h.Timeout, Refuse: syntax.NotZero("a handoff needs a timeout above 0s")},
		},
		{
			Key: "outcomes", Doc: "Steps by outcome. After any other outcome the journey continues after the step.",
			Value: syntax.StepsByName{To: &h.Outcomes, When: "to take on this outcome", Words: "the name of an outcome is a text"},
		},
		syntax.Arm(ArmTimeout, "to take if nobody resolved it in time", syntax.Steps{To: &h.OnTimeout}),
	}
}

// Describe implements Spec.
func (h *Handoff) Describe() Description {
	d := Description{Title: "queue " + h.Queue, Queue: h.Queue, Parks: true, Forks: true}
	if h.Priority != "" && h.Priority != "normal" {
		d.Lines = append(d.Lines, h.Priority+" priority")
	}
	if h.Timeout > 0 {
		d.Lines = append(d.Lines, "at most "+human.Duration(h.Timeout))
	}
	for _, outcome := range h.outcomes() {
		d.Arms = append(d.Arms, Arm{Key: outcome, To: h.Outcomes[outcome], Label: outcome, Full: "the agent resolved it as " + outcome})
	}
	d.Arms = append(d.Arms,
		Arm{Other: true, Label: "other outcome", Full: "the agent resolved it with another outcome"},
		armTimeout(&h.OnTimeout, h.Timeout, "nobody resolved it"))
	return d
}

// outcomes returns the outcomes in the order of the file: first by their steps, then by name.
func (h *Handoff) outcomes() []string {
	place := func(outcome string) uint { return uint(*h.Outcomes[outcome]) } // End comes last
	return slices.SortedFunc(maps.Keys(h.Outcomes), func(a, b string) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a, b))
	})
}

// valid checks the outcomes.
func (h *Handoff) valid() error {
	for _, outcome := range slices.Sorted(maps.Keys(h.Outcomes)) {
		if h.Outcomes[outcome] == nil {
			return fmt.Errorf("the outcome %q leads nowhere", outcome)
		}
	}
	return nil
}
