package api

import (
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/number"
)

// EnrollRequest enrolls a customer into a journey, without its entry event and condition. Re-entry rules and holdout apply.
type EnrollRequest struct {
	Journey    string        `json:"journey" minLength:"1"`
	Customer   string        `json:"customer" minLength:"1"`
	Properties number.Object `json:"properties,omitempty" doc:"of the entry event"`
	ID         string        `json:"id,omitempty"` // of the event; default: a random one
}

// EnrollResponse is the accepted entry event and, if the customer entered, the new enrollment.
type EnrollResponse struct {
	ID         string `json:"id" doc:"event id"`
	Customer   string `json:"customer"`
	WorkflowID string `json:"workflow_id,omitempty"`
	Duplicate  bool   `json:"duplicate,omitempty" doc:"an event with this id was accepted before; nothing changed"`
}

// CommandRequest is a command to an open enrollment.
type CommandRequest struct {
	Kind   string `json:"kind" enum:"cancel,pause,resume"`
	Reason string `json:"reason,omitempty"`
	By     string `json:"by,omitempty" doc:"default: the token's name"`
}

// Enrollment is one entry of a customer into a journey.
type Enrollment struct {
	ID         string    `json:"id"`
	WorkflowID string    `json:"workflow_id"`
	Journey    string    `json:"journey"`
	Revision   string    `json:"revision"`
	Customer   string    `json:"customer"`
	Key        string    `json:"key,omitempty"`
	EntryEvent string    `json:"entry_event"`
	EntryName  string    `json:"entry_name"`
	EnteredAt  time.Time `json:"entered_at"`
	ClosedAt   time.Time `json:"closed_at,omitzero"`
	State      string    `json:"state" doc:"open, awaiting_goal, closed"`
	Outcome    string    `json:"outcome,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	Value      float64   `json:"value,omitempty"`
	Holdout    bool      `json:"holdout,omitempty"`
	RunID      string    `json:"run_id,omitempty" doc:"of its first run"`
	Step       string    `json:"step,omitempty"`
	StepKind   string    `json:"step_kind,omitempty"`
	Since      time.Time `json:"since,omitzero"`
	Until      time.Time `json:"until,omitzero"`
	Paused     bool      `json:"paused,omitempty"`

	MissingSince  time.Time `json:"missing_since,omitzero" doc:"when a reconciler missed its run in Temporal first, in wall time"`
	DeliveryError string    `json:"delivery_error,omitempty" doc:"why the last attempt to deliver something to its run failed"`
}

// EnrollmentList is a page of enrollments in id order. Next, if set, is the next page's after.
type EnrollmentList struct {
	Enrollments []Enrollment `json:"enrollments"`
	Next        string       `json:"next,omitempty"`

	CompleteSince CompleteSince `json:"complete_since,omitempty" doc:"by kind of data: since when all are there, where older were deleted"`
}

// Send is one row of the message ledger.
type Send struct {
	Key      string    `json:"key"`
	Journey  string    `json:"journey"`
	Step     string    `json:"step"`
	Message  string    `json:"message"`
	Channel  string    `json:"channel,omitempty"`
	Category string    `json:"category,omitempty"`
	Status   string    `json:"status"`
	Reason   string    `json:"reason,omitempty"`
	Detail   string    `json:"detail,omitempty" personal:"mask" doc:"what the policy said of each channel and address"`
	Unknown  bool      `json:"outcome_unknown,omitempty" doc:"the provider may or may not have sent it"`
	Attempts int       `json:"attempts"`
	At       time.Time `json:"at"`
}

// HidePersonal hides a reason in a provider's words.
func (s *Send) HidePersonal() { s.Reason = human.HideReason(s.Reason) }

// HidePersonal hides what an operator or an error says of why it ended, and why a delivery failed.
func (e *Enrollment) HidePersonal() {
	if e.Reason = human.HideEnd(e.Reason); e.Outcome == "failed" && !strings.HasPrefix(e.Reason, "its run is ") {
		e.Reason = human.Hidden
	}
	if e.DeliveryError != "" {
		e.DeliveryError = human.Hidden
	}
}

// Status is the latest enrollment at a workflow id, with its sends, newest first.
type Status struct {
	Enrollment  Enrollment   `json:"enrollment"`
	Sends       []Send       `json:"sends"`
	DeadLetters []DeadLetter `json:"dead_letters,omitempty" doc:"outbox entries that can never be delivered to it"`

	CompleteSince CompleteSince `json:"complete_since,omitempty" doc:"by kind of data: since when all are there, where older were deleted"`
}

// ReasonText describes why an enrollment ended.
func ReasonText(reason string) string {
	if step, ok := strings.CutPrefix(reason, "by step "); ok {
		return "an exit step of the journey (" + step + ")"
	}
	if event, ok := strings.CutPrefix(reason, "by "); ok {
		return "the event " + event
	}
	return reason
}
