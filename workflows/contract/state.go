package contract

import (
	"time"

	"github.com/tabi-journeys/tabi/internal/number"
)

// State answers the query `state`.
type State struct {
	Journey    string        `json:"journey"`
	Revision   string        `json:"revision"`
	Customer   string        `json:"customer"`
	Enrollment string        `json:"enrollment"`
	Step       string        `json:"step,omitempty"`
	Kind       string        `json:"kind,omitempty"`
	Since      time.Time     `json:"since,omitzero"`    // virtual
	Until      time.Time     `json:"until,omitzero"`    // virtual; absent: no end of its own
	WaitingFor []string      `json:"waiting_for"`       // in words
	Paused     bool          `json:"paused,omitempty"`  //
	Holdout    bool          `json:"holdout,omitempty"` //
	Deadline   time.Time     `json:"deadline"`          // of the enrollment, virtual
	EnteredAt  time.Time     `json:"entered_at"`
	EntryEvent string        `json:"entry_event"`
	Steps      int           `json:"steps"` // passed so far
	Vars       number.Object `json:"vars,omitempty"`
	Outcome    string        `json:"outcome,omitempty"`
	Reason     string        `json:"reason,omitempty"`
	Story      []string      `json:"story"` // the last lines, oldest first
}
