package api

import (
	"net/http"
	"slices"
	"time"
)

// Handoff is a customer in an agents' queue.
type Handoff struct {
	ID         string       `json:"id"`
	WorkflowID string       `json:"workflow_id"`
	Journey    string       `json:"journey"`
	Step       string       `json:"step"`
	Customer   string       `json:"customer"`
	Queue      string       `json:"queue"`
	Priority   string       `json:"priority" doc:"low, normal, high or urgent"`
	Note       string       `json:"note,omitempty" personal:"mask"`
	Outcomes   []string     `json:"outcomes" doc:"what the journey expects; any text is accepted"`
	State      string       `json:"state" doc:"open, claimed, resolved or withdrawn"`
	Agent      string       `json:"agent,omitempty"`
	Outcome    string       `json:"outcome,omitempty"`
	OpenedAt   time.Time    `json:"opened_at"`
	ClaimedAt  time.Time    `json:"claimed_at,omitzero"`
	ClosedAt   time.Time    `json:"closed_at,omitzero"`
	Until      time.Time    `json:"until,omitzero"`
	Acts       []HandoffAct `json:"acts" doc:"what agents did with it, oldest first"`
}

// HidePersonal masks an outcome in an agent's own words.
func (h *Handoff) HidePersonal() {
	if h.Outcome != "" && !slices.Contains(h.Outcomes, h.Outcome) {
		h.Outcome = "•••"
	}
}

// HandoffAct is what somebody did with a hand-off.
type HandoffAct struct {
	Kind  string    `json:"kind" doc:"claimed, taken over, released, returned (its agent gave no sign for a while) or resolved"`
	Agent string    `json:"agent" doc:"who has it, or had it"`
	By    string    `json:"by,omitempty" doc:"who did it, if not the agent"`
	At    time.Time `json:"at"`
}

// HandoffList lists hand-offs, the most urgent first, then the oldest.
type HandoffList struct {
	Handoffs []Handoff `json:"handoffs"`

	CompleteSince CompleteSince `json:"complete_since,omitempty" doc:"by kind of data: since when all are there, where older were deleted"`
}

// HandoffRequest is an act on a hand-off. Acts of operators are allowed whoever has claimed it.
type HandoffRequest struct {
	Kind    string `json:"kind" enum:"assign,release,resolve" doc:"assign it to agent, return it to the queue, or resolve it with outcome"`
	Agent   string `json:"agent,omitempty" maxLength:"80" doc:"with assign: who gets it; with resolve: who resolved it, default by"`
	Outcome string `json:"outcome,omitempty" maxLength:"100" doc:"with resolve: one of outcomes, or any text"`
	Note    string `json:"note,omitempty" maxLength:"4000" doc:"with resolve: for colleagues"`
	By      string `json:"by,omitempty" doc:"default: the token's name"`
}

type (
	// HandoffFilter is the input of ListHandoffs.
	HandoffFilter struct {
		State    string `query:"state" enum:"open,claimed,resolved,withdrawn" doc:"default: open and claimed ones"`
		Queue    string `query:"queue"`
		Customer string `query:"customer"`
		Limit    int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	}
	// HandoffInput is the input of ActOnHandoff.
	HandoffInput struct {
		ID   string `path:"id" doc:"percent-encoded"`
		Body HandoffRequest
	}
)

// The endpoints of hand-offs.
var (
	ListHandoffs = Endpoint[HandoffFilter, HandoffList]{
		ID: "listHandoffs", Method: http.MethodGet, Path: "/v1/admin/handoffs",
		Summary: "List hand-offs, the most urgent first, with what agents did with them",
	}
	ActOnHandoff = Endpoint[HandoffInput, Done]{
		ID: "actOnHandoff", Method: http.MethodPost, Path: "/v1/admin/handoffs/{id}/acts",
		Errors:  []int{http.StatusNotFound, http.StatusConflict},
		Summary: "Assign a hand-off to an agent, return it to the queue, or resolve it, whoever has claimed it",
	}
)
