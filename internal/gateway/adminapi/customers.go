package adminapi

import (
	"context"
	"strings"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/event"
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
	audit.Of(ctx).About(in.ID, "")
	audit.Of(ctx).Note("split_id", id)
	got, err := h.rooms.Customers.Split(ctx, h.Now(), in.ID, id)
	if message.IsInput(err) {
		return nil, web.NotFound("not_merged", "id", err.Error())
	}
	if err != nil {
		return nil, unknownCustomer(in.ID, err)
	}
	return &api.SplitResponse{Customer: got.From.ID, Split: got.To.ID, Moved: got.Moved}, nil
}
