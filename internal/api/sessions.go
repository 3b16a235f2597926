package api

import (
	"net/http"
	"time"
)

// Session is a signed-in browser. Times are of the wall clock.
type Session struct {
	ID      string    `json:"id" doc:"a digest: nobody can sign in with it"`
	Way     string    `json:"way" doc:"token or oidc"`
	Subject string    `json:"subject" doc:"who: token:<name>, or oidc:<the id at the identity provider>"`
	Name    string    `json:"name"`
	Role    string    `json:"role,omitempty" doc:"as of now"`
	Queues  []string  `json:"queues,omitempty" doc:"of an agent; absent: all"`
	Peer    string    `json:"peer" doc:"network address of the sign-in"`
	Created time.Time `json:"created_at"`
	Seen    time.Time `json:"seen_at" doc:"last use, to a minute"`
	Ends    time.Time `json:"ends_at" doc:"if it is used until then"`
}

// SessionList lists sessions, the latest used first.
type SessionList struct {
	Sessions []Session `json:"sessions"`
}

// SessionSelection selects the sessions to end: one, those of a person, or all.
type SessionSelection struct {
	ID      string `json:"id,omitempty"`
	Subject string `json:"subject,omitempty"`
	All     bool   `json:"all,omitempty"`
}

// SessionCount is the number of sessions that have ended.
type SessionCount struct {
	Count int64 `json:"count"`
}

type (
	// SessionFilter is the input of ListSessions.
	SessionFilter struct {
		Limit int `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	}
	// SessionInput is the input of EndSessions.
	SessionInput struct{ Body SessionSelection }
)

// The endpoints of sessions.
var (
	ListSessions = Endpoint[SessionFilter, SessionList]{
		ID: "listSessions", Method: http.MethodGet, Path: "/v1/admin/sessions",
		Summary: "List who is signed in, the latest used first",
	}
	EndSessions = Endpoint[SessionInput, SessionCount]{
		ID: "endSessions", Method: http.MethodPost, Path: "/v1/admin/sessions/end",
		Errors:  []int{http.StatusNotFound},
		Summary: "End a session, all sessions of a person, or all sessions",
	}
)
