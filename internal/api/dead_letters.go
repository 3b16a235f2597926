package api

import (
	"time"
)

// DeadLetter is an outbox entry that was set aside for good.
type DeadLetter struct {
	WorkflowID string    `json:"workflow_id"`
	Enrollment string    `json:"enrollment"`
	Journey    string    `json:"journey"`
	Customer   string    `json:"customer"`
	Seq        int64     `json:"seq"` // position among the enrollment's entries
	Kind       string    `json:"kind" doc:"start, event or command"`
	Event      string    `json:"event"`
	Name       string    `json:"name,omitempty" doc:"of the event"`
	Error      string    `json:"error"`
	Attempts   int       `json:"attempts"`
	At         time.Time `json:"at"`
}

// DeadLetterList is a page of dead letters. Next, if set, is the next page's after.
type DeadLetterList struct {
	DeadLetters []DeadLetter `json:"dead_letters"`
	Next        string       `json:"next,omitempty"`
}

// DeadLetterSelection selects the dead letters to retry or drop: those of one enrollment, or all of them.
type DeadLetterSelection struct {
	WorkflowID string `json:"workflow_id,omitempty"`
	All        bool   `json:"all,omitempty"`
}

// DeadLetterCount is the number of dead letters that were retried or dropped.
type DeadLetterCount struct {
	Count int `json:"count"`
}
