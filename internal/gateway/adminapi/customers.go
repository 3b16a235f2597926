package adminapi

import (
	"context"
	"strings"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/message"
)

// splitCustomer undoes a merge.
func (h *Handlers) splitCustomer(ctx context.Context, in *api.SplitInput) (*api.SplitResponse, error) {
	id := in.Body.UserID
	if (id == "") == (in.Body.AnonymousID == "") {
		return nil, web.Bad("anonymous_id", "or user_id must be given, not both")
	}
	if id == "" {
		id = customer.Anonymous(strings.TrimPrefix(in.Body.AnonymousID, event.AnonymousPrefix)) // pages show it with the prefix
	}
	got, err := h.rooms.Customers.Split(ctx, h.Now(), in.ID, id)
	if message.IsInput(err) {
		return nil, web.NotFound("not_merged", "id", err.Error())
	}
	if err != nil {
		return nil, unknownCustomer(in.ID, err)
	}
	h.Log.Info("a merge was undone", zap.String("by", auth.Actor(ctx, "")), zap.Int64("events", got.Moved["events"]),
		zap.Int64("enrollments", got.Moved["enrollments"]))
	return &api.SplitResponse{Customer: got.From.ID, Split: got.To.ID, Moved: got.Moved}, nil
}
