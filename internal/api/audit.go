package api

import (
	"net/http"
	"time"
)

// AuditEntry says who did what on whom, and what came of it.
type AuditEntry struct {
	Seq      int64             `json:"seq" doc:"place in the log"`
	At       time.Time         `json:"at" doc:"wall time"`
	Who      string            `json:"who" doc:"name of the caller; empty: somebody who could not be identified"`
	Subject  string            `json:"subject,omitempty" doc:"the caller's id at the identity provider, or of the key"`
	Role     string            `json:"role,omitempty"`
	Door     string            `json:"door" doc:"page, api, cli, temporal or automatic"`
	Peer     string            `json:"peer,omitempty" doc:"network address of the caller"`
	What     string            `json:"what" doc:"handoff.claim"`
	Kind     string            `json:"kind,omitempty" doc:"of the object"`
	ID       string            `json:"id,omitempty" doc:"of the object"`
	Customer string            `json:"customer,omitempty"`
	Journey  string            `json:"journey,omitempty"`
	Result   string            `json:"result" doc:"ok, refused or failed"`
	Reason   string            `json:"reason,omitempty" doc:"a code, if the result is not ok"`
	Detail   map[string]string `json:"detail,omitempty"`
	Erased   bool              `json:"erased,omitempty" doc:"the customer was forgotten: id, customer and detail are taken out"`
	Hash     string            `json:"hash" doc:"of the entry and all before it"`
}

// AuditList is a page of entries. Next, if set, is the next page's after.
type AuditList struct {
	Entries []AuditEntry `json:"entries"`
	Next    string       `json:"next,omitempty"`

	CompleteSince CompleteSince `json:"complete_since,omitempty" doc:"by kind of data: since when all are there, where older were deleted"`
}

// AuditFilter is the input of ListAudit.
type AuditFilter struct {
	Customer string    `query:"customer" doc:"any id of the customer"`
	Journey  string    `query:"journey"`
	Who      string    `query:"who"`
	What     string    `query:"what" doc:"an act, or all of a kind: handoff.claim, handoff.*"`
	Result   string    `query:"result" enum:"ok,refused,failed"`
	Since    time.Time `query:"since" doc:"wall time"`
	Order    string    `query:"order" enum:"newest,oldest" default:"newest" doc:"oldest first is an export, which is always recorded"`
	After    string    `query:"after" doc:"next of the previous page"`
	Limit    int       `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

// ListAudit lists what people did.
var ListAudit = Endpoint[AuditFilter, AuditList]{
	ID: "listAudit", Method: http.MethodGet, Path: "/v1/admin/audit",
	Summary: "List what people did and looked at, and what tabi did on its own",
}
