package api

import "net/http"

// SplitRequest names the id that was merged into a customer by mistake: exactly one of the two.
type SplitRequest struct {
	AnonymousID string `json:"anonymous_id,omitempty" maxLength:"255" doc:"of a visitor or device"`
	UserID      string `json:"user_id,omitempty" maxLength:"255" doc:"of a user who was merged by alias"`
}

// SplitResponse is what a split moved.
type SplitResponse struct {
	Customer string           `json:"customer" doc:"what is left keeps this id"`
	Split    string           `json:"split" doc:"a customer of its own again"`
	Moved    map[string]int64 `json:"moved" doc:"rows that went back: events, enrollments, sends, handoffs, decisions, offers, evidence"`
}

// SplitInput is the input of SplitCustomer.
type SplitInput struct {
	ID   string `path:"id" maxLength:"255" doc:"any id of the customer, percent-encoded"`
	Body SplitRequest
}

// SplitCustomer undoes a merge.
var SplitCustomer = Endpoint[SplitInput, SplitResponse]{
	ID: "splitCustomer", Method: http.MethodPost, Path: "/v1/admin/customers/{id}/split", Errors: []int{http.StatusNotFound},
	Summary: "Undo a merge: what came from an id that was merged into the customer is a customer of its own again",
}
