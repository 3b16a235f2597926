package gateway

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/store"
)

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

func viewDecision(d *store.Decision, intents []store.IntentScore) api.Decision {
	out := api.Decision{
		Customer:   d.Customer,
		Asked:      d.Asked,
		At:         d.At,
		Release:    d.Release,
		Control:    d.Control,
		Chosen:     make([]api.Slot, len(d.Slots)),
		Reason:     d.Reason,
		Candidates: make([]api.Candidate, len(d.Candidates)),
		Intents:    make([]api.Intent, len(intents)),
	}
	for i, slot := range d.Slots {
		out.Chosen[i] = api.Slot(slot)
	}
	for i, c := range d.Candidates {
		out.Candidates[i] = api.Candidate{
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
		out.Intents[i] = api.Intent{Intent: in.Intent, Score: in.Score, Evidence: make([]api.Evidence, len(in.Evidence))}
		for j, e := range in.Evidence {
			out.Intents[i].Evidence[j] = api.Evidence{Event: e.Name, ID: e.Event, At: e.At, Weight: e.Weight, Left: e.Left}
		}
	}
	return out
}
