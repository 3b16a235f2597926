package api

import "time"

// SampleQuery is the input of GetSample.
type SampleQuery struct {
	Name     string `path:"name" doc:"the message"`
	Customer string `path:"customer" doc:"in a path it is percent-encoded"`
}

// SampleCustomer is what a message sees of a customer: profile, intents, and the entry of their latest enrollment in a journey that sends
// it.
type SampleCustomer struct {
	Customer map[string]any     `json:"customer" personal:"drop"`
	Entry    map[string]any     `json:"entry,omitempty" personal:"drop" doc:"absent: they never entered such a journey"`
	Intent   map[string]float64 `json:"intent"`
	Now      time.Time          `json:"now"`
}

// TestSendInput is the input of SendTest.
type TestSendInput struct {
	Name string `path:"name" doc:"the message"`
	Body TestSendRequest
}

// TestSendRequest is a rendered message for testers.
type TestSendRequest struct {
	Request  string            `json:"request" minLength:"1" maxLength:"100" pattern:"^[A-Za-z0-9._-]+$" doc:"the same is sent once"`
	To       []string          `json:"to" minItems:"1" maxItems:"10" doc:"addresses on the list of TABI_TEST_RECIPIENTS"`
	Channel  string            `json:"channel"`
	Tone     string            `json:"tone,omitempty"`
	Language string            `json:"language,omitempty" doc:"of the treatment; empty: the message's own text"`
	Fields   map[string]string `json:"fields" doc:"of the treatment, rendered"`
}

// TestSendResponse says what came of each test.
type TestSendResponse struct {
	Tests []TestSent `json:"tests"`
}

// TestSent is the test to one address.
type TestSent struct {
	Key    string `json:"key" doc:"of its row in the ledger"`
	To     string `json:"to"`
	Status string `json:"status" enum:"sent,failed,retry,sending" doc:"retry and sending: it is on its way"`
	Reason string `json:"reason,omitempty"`
}
