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
	Seq        int64     `json:"seq"` // its place in the instance's queue
	Kind       string    `json:"kind" doc:"start, event or order"`
	Event      string    `json:"event"`
	Name       string    `json:"name,omitempty" doc:"of the event"`
	Error      string    `json:"error"`
	Attempts   int       `json:"attempts"`
	At         time.Time `json:"at"`
}

// DeadLetterList is a page of what is set aside; Next, if set, is the next page's after.
type DeadLetterList struct {
	DeadLetters []DeadLetter `json:"dead_letters"`
	Next        string       `json:"next,omitempty"`
}

// DeadLetterSelection has what is set aside delivered again: of one instance, or All. Drop gives it up instead.
type DeadLetterSelection struct {
	WorkflowID string `json:"workflow_id,omitempty"`
	All        bool   `json:"all,omitempty"`
}

// DeadLetterCount says how many deliveries it was.
type DeadLetterCount struct {
	Count int `json:"count"`
}
