package api

import (
	"time"
)

// DeadLetter is a delivery that was set aside.
type DeadLetter struct {
	WorkflowID string    `json:"workflow_id"`
	Enrollment string    `json:"enrollment"`
	Journey    string    `json:"journey"`
	Customer   string    `json:"customer"`
	Seq        int64     `json:"seq"`  // its place in the instance's queue
	Kind       string    `json:"kind"` // start, event or order
	Event      string    `json:"event"`
	Name       string    `json:"name,omitempty"` // of the event
	Error      string    `json:"error"`
	Attempts   int       `json:"attempts"`
	At         time.Time `json:"at"`
}

// DeadLetterList is a page of what is set aside; Next, if set, is the next page's after.
type DeadLetterList struct {
	SetAside []DeadLetter `json:"set_aside"`
	Next     string       `json:"next,omitempty"`
}

// RetryRequest has what is set aside delivered again: of one instance, or All. Drop gives it up instead.
type RetryRequest struct {
	WorkflowID string `json:"workflow_id,omitempty"`
	All        bool   `json:"all,omitempty"`
	Drop       bool   `json:"drop,omitempty"`
}

// RetryResponse says how many deliveries it was.
type RetryResponse struct {
	Deliveries int `json:"deliveries"`
}
