package adminapi

import (
	"context"
	"errors"
	"strconv"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/gateway/inbound"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

func (h *Handlers) explainDecision(ctx context.Context, in *api.DecisionQuery) (*api.Decision, error) {
	if err := web.FirstError(web.CheckID("customer", in.Customer), inbound.CheckAsked(in.Group, in.Actions),
		inbound.CheckChannel(h.rooms.Offers.InboundChannels(), in.Channel)); err != nil {
		return nil, err
	}
	_, content, err := h.rooms.Catalog.Content(ctx)
	if err != nil {
		return nil, err
	}
	if err := inbound.KnowsActions(content, in.Group, in.Actions); err != nil {
		return nil, err
	}
	audit.Of(ctx).About(in.Customer, "")
	d, err := h.rooms.Offers.Explain(ctx, h.Now(), in.Customer, in.Group, in.Actions, in.Channel)
	if err != nil {
		return nil, unknownCustomer(in.Customer, err)
	}
	intents, err := h.rooms.Intents.Scores(ctx, h.Now(), in.Customer)
	if err != nil {
		return nil, unknownCustomer(in.Customer, err)
	}
	return viewDecision(&d, intents), nil
}

func unknownCustomer(id string, err error) error {
	if errors.Is(err, sqldb.ErrNotFound) {
		return web.NotFound("unknown_customer", "customer", "no such customer: "+strconv.Quote(id))
	}
	return err
}

func viewDecision(d *offer.Decision, intents []intent.CustomerIntent) *api.Decision {
	out := &api.Decision{
		Customer: d.Customer, Asked: d.Asked, At: d.At, Release: d.Release, Control: d.Control,
		Chosen: make([]api.Slot, len(d.Slots)), Reason: d.Reason,
		Candidates: make([]api.Candidate, len(d.Candidates)), Intents: make([]api.Intent, len(intents)),
	}
	for i, slot := range d.Slots {
		out.Chosen[i] = api.Slot(slot)
	}
	for i, c := range d.Candidates {
		out.Candidates[i] = api.Candidate{
			Action: c.Action, Channel: c.Channel, Stage: c.Stage, Reason: c.Reason, P: c.P, C: c.C, V: c.V, L: c.L,
			Priority: c.Priority, Evidence: c.Evidence,
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
