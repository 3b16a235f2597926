package adminapi

import (
	"context"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
)

func (h *Handlers) listBacklogs(ctx context.Context, in *api.BacklogFilter) (*api.BacklogList, error) {
	rows, err := h.rooms.Outbox.Backlogs(ctx, in.Limit)
	out := &api.BacklogList{Backlogs: make([]api.Backlog, len(rows))}
	for i, one := range rows {
		out.Backlogs[i] = api.Backlog(one)
	}
	return out, err
}

func (h *Handlers) dropBacklog(ctx context.Context, in *api.DropBacklogInput) (*api.Backlog, error) {
	got, err := h.rooms.Outbox.DropBacklog(ctx, h.Now(), in.ID)
	if err != nil {
		return nil, unknownCustomer(in.ID, err)
	}
	h.Log.Warn("the backlog of a customer was dropped", zap.String("by", auth.PrincipalOf(ctx).Subject), zap.Int64("entries", got.Entries),
		zap.Int("enrollments", got.Enrollments))
	out := api.Backlog(got)
	return &out, nil
}
