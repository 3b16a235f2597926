package api

import (
	"time"
)

// Decision is a decision with its candidates and the intents it was based on.
type Decision struct {
	Customer   string      `json:"customer"`
	Asked      string      `json:"asked"`
	At         time.Time   `json:"at"`
	Release    int         `json:"release"`
	Control    string      `json:"control,omitempty"`
	Chosen     []Slot      `json:"chosen"`
	Reason     string      `json:"reason,omitempty"`
	Candidates []Candidate `json:"candidates"`
	Intents    []Intent    `json:"intents"`
}

// Candidate is an action on a channel, and the last stage it reached.
type Candidate struct {
	Action   string  `json:"action"`
	Channel  string  `json:"channel,omitempty"`
	Stage    string  `json:"stage"`
	Reason   string  `json:"reason,omitempty"`
	P        float64 `json:"p"`
	C        float64 `json:"c"`
	V        float64 `json:"v"`
	L        float64 `json:"l"`
	Priority float64 `json:"priority"`
	Evidence float64 `json:"evidence" doc:"outcomes from which p was estimated"`
}

// Intent is the score of an intent, with its latest evidence.
type Intent struct {
	Intent   string     `json:"intent"`
	Score    float64    `json:"score"`
	Evidence []Evidence `json:"evidence"`
}

// Evidence is an event that counts for or against an intent.
type Evidence struct {
	Event  string    `json:"event"`
	ID     string    `json:"id"`
	At     time.Time `json:"at"`
	Weight float64   `json:"weight"`
	Left   float64   `json:"left" doc:"what remains of the weight now"`
}

// Slot is a chosen action and its channel.
type Slot struct {
	Key        string  `json:"key,omitempty" doc:"of the send and the offer; empty in a preview"`
	Action     string  `json:"action"`
	Message    string  `json:"message,omitempty"`
	Channel    string  `json:"channel,omitempty"`
	Tone       string  `json:"tone,omitempty" doc:"set by the contact policy; empty: plain"`
	Propensity float64 `json:"propensity"`
	Priority   float64 `json:"priority"`
}
