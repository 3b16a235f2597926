package api

import "time"

// RestartRequest begins a page of enrollments again whose run Temporal does not have: open ones, and those that were closed for
// that reason.
type RestartRequest struct {
	Journey string    `json:"journey,omitempty" doc:"default: all journeys"`
	Since   time.Time `json:"since,omitzero" doc:"of those closed as lost, only those closed since, in virtual time; default: 7 days ago"`
	DryRun  bool      `json:"dry_run,omitempty" doc:"changes nothing; the response shows what would happen"`
	After   string    `json:"after,omitempty" doc:"next of the previous page"`
}

// RestartPage is a page of a restart. Next, if set, is the next page's after.
type RestartPage struct {
	Checked   int         `json:"checked" doc:"enrollments that were looked up in Temporal"`
	Restarted []Restarted `json:"restarted" doc:"enrollments that begin again"`
	Refused   []Restarted `json:"refused" doc:"enrollments that were closed as lost, and stay closed"`
	Next      string      `json:"next,omitempty"`
}

// Restarted is an enrollment that begins again, or does not.
type Restarted struct {
	WorkflowID string    `json:"workflow_id"`
	Enrollment string    `json:"enrollment"`
	Step       string    `json:"step,omitempty" doc:"where it waits; empty: before its first wait, or after its path"`
	Since      time.Time `json:"since,omitzero" doc:"when it came there, in virtual time"`
	FromEntry  bool      `json:"from_entry" doc:"its run reported no state: it begins at its entry"`
	Events     int       `json:"events" doc:"events accepted since then, which are delivered again"`
	Closed     bool      `json:"closed" doc:"it had been closed as lost"`
	Reason     string    `json:"reason,omitempty" doc:"why it stays closed"`
}
