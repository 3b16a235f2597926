package adminapi

import (
	"context"
	"errors"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/rejection"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Rejections lists refused calls.
type Rejections interface {
	List(ctx context.Context, f rejection.Filter) ([]rejection.Call, error)
	Get(ctx context.Context, id string) (rejection.Call, error)
	Drop(ctx context.Context) (int64, error)
}

func viewRejectedCall(c rejection.Call) api.KeptCall {
	return api.KeptCall{ID: c.ID, At: c.At, Door: c.Door, Code: c.Code, Field: c.Field, Message: c.Message, Bytes: c.Bytes}
}

func (h *Handlers) listRejectedCalls(ctx context.Context, in *api.RejectedCallFilter) (*api.RejectedCallList, error) {
	rows, err := h.rooms.Rejections.List(ctx, rejection.Filter{Door: in.Door, Code: in.Code, After: in.After, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	out := &api.RejectedCallList{RejectedCalls: make([]api.KeptCall, len(rows))}
	for i, c := range rows {
		out.RejectedCalls[i] = viewRejectedCall(c)
	}
	if len(rows) == in.Limit {
		out.Next = rows[len(rows)-1].ID
	}
	return out, nil
}

func (h *Handlers) getRejectedCall(ctx context.Context, in *api.RejectedCallID) (*api.RejectedCallDetail, error) {
	c, err := h.rooms.Rejections.Get(ctx, in.ID)
	if errors.Is(err, sqldb.ErrNotFound) {
		return nil, web.NotFound("not_found", "id", "no refused call with this id is kept")
	}
	if err != nil {
		return nil, err
	}
	return &api.RejectedCallDetail{KeptCall: viewRejectedCall(c), Payload: c.Payload}, nil
}

func (h *Handlers) dropRejectedCalls(ctx context.Context, _ *api.None) (*api.RejectedCallCount, error) {
	n, err := h.rooms.Rejections.Drop(ctx)
	if err != nil {
		return nil, err
	}
	return &api.RejectedCallCount{Count: n}, nil
}
