package api

import (
	"net/http"
	"time"
)

// ForgetRequest asks to forget a customer.
type ForgetRequest struct {
	Reason string `json:"reason" minLength:"1" maxLength:"500" doc:"it is kept, and must not name the customer: a ticket's number"`
	By     string `json:"by,omitempty" maxLength:"255" doc:"who asks; a named token counts instead"`
	DryRun bool   `json:"dry_run,omitempty" doc:"changes nothing; the report says what would go"`
}

// ForgetInput is the input of ForgetCustomer.
type ForgetInput struct {
	ID   string `path:"id" maxLength:"260" doc:"any id of the customer, percent-encoded"`
	Body ForgetRequest
}

// ForgetID names a request to forget a customer.
type ForgetID struct {
	ID string `path:"id" maxLength:"64"`
}

// ForgetStatus is how far a request to forget a customer has come, and its report. It has no personal data.
type ForgetStatus struct {
	Request     string                 `json:"request" doc:"empty for a dry run"`
	State       string                 `json:"state" doc:"ending, deleting, erasing or done"`
	Reason      string                 `json:"reason"`
	By          string                 `json:"by,omitempty"`
	At          time.Time              `json:"at" doc:"virtual"`
	DoneAt      time.Time              `json:"done_at,omitzero" doc:"virtual"`
	IDs         int                    `json:"ids" doc:"ids that the customer had, with those merged into it"`
	Enrollments ForgetEnrollments      `json:"enrollments"`
	Runs        ForgetRuns             `json:"runs"`
	Tables      map[string]ForgetTable `json:"tables" doc:"by name; all tables are in it once the request is done"`
}

// ForgetEnrollments counts the enrollments that were open.
type ForgetEnrollments struct {
	Open       int64 `json:"open" doc:"when the request came"`
	Terminated int64 `json:"terminated" doc:"those whose runs did not end by themselves in time"`
}

// ForgetRuns counts the runs in Temporal.
type ForgetRuns struct {
	Deleted int64     `json:"deleted" doc:"Temporal no longer knows them"`
	Left    int64     `json:"left" doc:"Temporal did not delete them; its retention does"`
	Until   time.Time `json:"until,omitzero" doc:"when the retention of the last one is over, in real time"`
}

// ForgetTable is what was done with the rows of a table.
type ForgetTable struct {
	Erased        int64  `json:"erased"`
	Pseudonymized int64  `json:"pseudonymized" doc:"rows that stay without what says whose they were"`
	Kept          int64  `json:"kept"`
	Why           string `json:"why" doc:"what the rows are, or what they stay for"`
}

// ForgetList lists requests, newest first.
type ForgetList struct {
	Requests []ForgetStatus `json:"requests"`
}

// ForgetFilter is the input of ListForgets.
type ForgetFilter struct {
	Limit int `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

// RememberInput is the input of RememberCustomer.
type RememberInput struct {
	ID string `path:"id" maxLength:"260" doc:"an id of the forgotten customer, percent-encoded"`
}

// Remembered says that a forgotten customer may come back.
type Remembered struct {
	Remembered bool `json:"remembered"`
}

// The endpoints of forgetting a customer.
var (
	ForgetCustomer = Endpoint[ForgetInput, ForgetStatus]{
		ID: "forgetCustomer", Method: http.MethodPost, Path: "/v1/admin/customers/{id}/forget",
		Errors:  []int{http.StatusNotFound, http.StatusGone},
		Summary: "Begin to forget a customer: end its enrollments, delete its runs, erase its rows",
	}
	GetForget = Endpoint[ForgetID, ForgetStatus]{
		ID: "getForget", Method: http.MethodGet, Path: "/v1/admin/forget-requests/{id}", Errors: []int{http.StatusNotFound},
		Summary: "Get how far a request to forget a customer has come, and its report",
	}
	ListForgets = Endpoint[ForgetFilter, ForgetList]{
		ID: "listForgets", Method: http.MethodGet, Path: "/v1/admin/forget-requests",
		Summary: "List the requests to forget a customer, newest first",
	}
	RememberCustomer = Endpoint[RememberInput, Remembered]{
		ID: "rememberCustomer", Method: http.MethodPost, Path: "/v1/admin/customers/{id}/remember", Errors: []int{http.StatusNotFound},
		Summary: "Let a customer come back who was forgotten; nothing of what was known comes back",
	}
)
