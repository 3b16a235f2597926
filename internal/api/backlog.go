package api

import "net/http"

// Backlog is what waits for the enrollments of one customer.
type Backlog struct {
	Customer    string `json:"customer"`
	Entries     int64  `json:"entries" doc:"outbox entries"`
	Enrollments int    `json:"enrollments" doc:"for which they wait, or waited"`
}

// BacklogFilter is the input of ListBacklogs.
type BacklogFilter struct {
	Limit int `query:"limit" minimum:"1" maximum:"1000" default:"20"`
}

// BacklogList is the output of ListBacklogs.
type BacklogList struct {
	Backlogs []Backlog `json:"backlogs" doc:"the largest first"`
}

// DropBacklogInput is the input of DropBacklog.
type DropBacklogInput struct {
	ID string `path:"id" maxLength:"255" doc:"any id of the customer, percent-encoded"`
}

// The endpoints about backlogs.
var (
	ListBacklogs = Endpoint[BacklogFilter, BacklogList]{
		ID: "listBacklogs", Method: http.MethodGet, Path: "/v1/admin/backlogs",
		Summary: "List the customers for whom most outbox entries wait",
	}
	DropBacklog = Endpoint[DropBacklogInput, Backlog]{
		ID: "dropBacklog", Method: http.MethodPost, Path: "/v1/admin/customers/{id}/drop-backlog", Errors: []int{http.StatusNotFound},
		Summary: "Delete the events that wait for the enrollments of a customer; starts and commands stay",
	}
)
