package adminapi

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/handoff"
	"github.com/tabi-journeys/tabi/internal/retention"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

func (h *Handlers) listHandoffs(ctx context.Context, in *api.HandoffFilter) (*api.HandoffList, error) {
	audit.Of(ctx).About(in.Customer, "")
	rows, err := h.rooms.Handoffs.List(ctx, handoff.Filter{State: in.State, Queue: in.Queue, Customer: in.Customer, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	out := &api.HandoffList{Handoffs: make([]api.Handoff, 0, len(rows))}
	for _, r := range rows {
		one := api.Handoff{
			ID: r.ID, WorkflowID: r.WorkflowID, Journey: r.Journey, Step: r.Step, Customer: r.Customer, Queue: r.Queue,
			Priority: r.Priority, Note: r.Note, Outcomes: r.Outcomes, State: r.State, Agent: r.Agent, Outcome: r.Outcome,
			OpenedAt: r.OpenedAt, ClaimedAt: r.ClaimedAt, ClosedAt: r.ClosedAt, Until: r.Until,
			Acts: make([]api.HandoffAct, 0, len(r.Acts)),
		}
		for _, a := range r.Acts {
			one.Acts = append(one.Acts, api.HandoffAct{Kind: a.Kind, Agent: a.Agent, By: a.By, At: a.At})
		}
		out.Handoffs = append(out.Handoffs, one)
	}
	out.CompleteSince, err = h.figures.CompleteSince(ctx, retention.Handoffs)
	return out, err
}

// actOnHandoff acts on a hand-off, whoever has claimed it.
func (h *Handlers) actOnHandoff(ctx context.Context, in *api.HandoffInput) (*api.Done, error) {
	by, err := auth.Actor(ctx, in.Body.By), error(nil)
	audit.Of(ctx).Note("act", in.Body.Kind)
	audit.Of(ctx).Note("agent", in.Body.Agent)
	switch in.Body.Kind {
	case "assign":
		if f := web.Need("agent", in.Body.Agent); f != nil {
			return nil, f
		}
		err = h.rooms.Handoffs.TakeOver(ctx, h.Now(), h.Wall(), in.ID, in.Body.Agent, by)
	case "release":
		err = h.rooms.Handoffs.Release(ctx, h.Now(), h.Wall(), in.ID, by, handoff.AsAdmin)
	case "resolve":
		if f := web.Need("outcome", in.Body.Outcome); f != nil {
			return nil, f
		}
		err = h.rooms.Handoffs.Resolve(ctx, h.Now(), in.ID, cmp.Or(in.Body.Agent, by), in.Body.Outcome, in.Body.Note, handoff.AsAdmin)
	}
	switch {
	case errors.Is(err, sqldb.ErrNotFound):
		return nil, web.NotFound("not_found", "id", "there is no hand-off with this id")
	case errors.Is(err, handoff.ErrTooLate):
		return nil, &web.Error{Status: http.StatusConflict, Code: "closed", Field: "id", Message: "the hand-off is closed: " + err.Error()}
	}
	return &api.Done{Success: true}, err
}
