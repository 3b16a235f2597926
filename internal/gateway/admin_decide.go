package gateway

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/tabi-journeys/tabi/internal/store"
)

// AdminDecide previews a decision with its funnel: GET ?customer= &group= or &actions= (repeated) &channel= →
// DecisionView (404: no such customer, group or action).
const AdminDecide = "/v1/admin/decide"

// DecisionView is a decision with its funnel, and the intents that it saw.
type DecisionView struct {
	Customer   string          `json:"customer"`
	Asked      string          `json:"asked"`
	At         time.Time       `json:"at"`
	Release    int             `json:"release"`
	Control    string          `json:"control,omitempty"`
	Chosen     []store.Slot    `json:"chosen"`
	Reason     string          `json:"reason,omitempty"`
	Candidates []CandidateView `json:"candidates"`
	Intents    []IntentView    `json:"intents"`
}

// CandidateView is an action on a channel, and how far it came.
type CandidateView struct {
	Action   string  `json:"action"`
	Channel  string  `json:"channel,omitempty"`
	Stage    string  `json:"stage"`
	Reason   string  `json:"reason,omitempty"`
	P        float64 `json:"p"`
	C        float64 `json:"c"`
	V        float64 `json:"v"`
	L        float64 `json:"l"`
	Priority float64 `json:"priority"`
	Evidence float64 `json:"evidence"` // outcomes that p stands on
}

// IntentView is an intent's score, with the latest evidence.
type IntentView struct {
	Intent   string         `json:"intent"`
	Score    float64        `json:"score"`
	Evidence []EvidenceView `json:"evidence"`
}

// EvidenceView is an event that speaks for an intent or against it.
type EvidenceView struct {
	Event  string    `json:"event"`
	ID     string    `json:"id"`
	At     time.Time `json:"at"`
	Weight float64   `json:"weight"`
	Left   float64   `json:"left"` // of the weight, now
}

func (g *Gateway) adminDecide(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	customer, group, actions := q.Get("customer"), q.Get("group"), q["actions"]
	if f := firstFail(need("customer", customer), checkID("customer", customer), checkAsked(group, actions), g.checkChannel(q.Get("channel"))); f != nil {
		g.refuse(w, r, f)
		return
	}
	_, content, err := g.cfg.Store.Content(r.Context())
	if err != nil {
		g.storeFailed(w, r, err)
		return
	}
	if f := knowsActions(content, group, actions); f != nil {
		g.refuse(w, r, f)
		return
	}
	d, err := g.cfg.Store.Explain(r.Context(), g.now(), customer, group, actions, q.Get("channel"))
	if err != nil {
		g.unknownCustomer(w, r, err)
		return
	}
	intents, err := g.cfg.Store.Intents(r.Context(), g.now(), customer)
	if err != nil {
		g.unknownCustomer(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, viewDecision(&d, intents))
}

// unknownCustomer answers for a question about a customer that came to nothing.
func (g *Gateway) unknownCustomer(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, store.ErrNotFound) {
		g.refuse(
			w,
			r,
			&fail{
				Status:  http.StatusNotFound,
				Code:    "unknown_customer",
				Field:   "customer",
				Message: "no such customer: " + strconv.Quote(r.URL.Query().Get("customer")),
			},
		)
		return
	}
	g.storeFailed(w, r, err)
}

func viewDecision(d *store.Decision, intents []store.IntentScore) DecisionView {
	out := DecisionView{
		Customer:   d.Customer,
		Asked:      d.Asked,
		At:         d.At,
		Release:    d.Release,
		Control:    d.Control,
		Chosen:     d.Slots,
		Reason:     d.Reason,
		Candidates: make([]CandidateView, len(d.Candidates)),
		Intents:    make([]IntentView, len(intents)),
	}
	for i, c := range d.Candidates {
		out.Candidates[i] = CandidateView{
			Action:   c.Action,
			Channel:  c.Channel,
			Stage:    c.Stage,
			Reason:   c.Reason,
			P:        c.P,
			C:        c.C,
			V:        c.V,
			L:        c.L,
			Priority: c.Priority,
			Evidence: c.Evidence,
		}
	}
	for i, in := range intents {
		out.Intents[i] = IntentView{Intent: in.Intent, Score: in.Score, Evidence: make([]EvidenceView, len(in.Evidence))}
		for j, e := range in.Evidence {
			out.Intents[i].Evidence[j] = EvidenceView{Event: e.Name, ID: e.Event, At: e.At, Weight: e.Weight, Left: e.Left}
		}
	}
	return out
}
