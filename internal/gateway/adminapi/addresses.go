package adminapi

import (
	"context"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// Customers has what is known of addresses, and undoes merges.
type Customers interface {
	Get(ctx context.Context, id string) (customer.Customer, error)
	Split(ctx context.Context, now time.Time, customerID, id string) (unit.Parting, error)
	KnownAddresses(ctx context.Context, f customer.AddressFilter) ([]customer.KnownAddress, error)
	AddressState(ctx context.Context, channel, key string) (address.State, error)
	EventProperties(ctx context.Context, id string) (map[string]any, error)
	Revive(ctx context.Context, now time.Time, channel, text, by string) (int, error)
}

func (h *Handlers) listAddresses(ctx context.Context, in *api.AddressFilter) (*api.AddressList, error) {
	filter := customer.AddressFilter{Channel: in.Channel, Address: in.Address, State: in.State, Limit: in.Limit}
	if in.After != "" {
		var ok bool
		if filter.AfterChannel, filter.AfterAddress, ok = strings.Cut(in.After, "/"); !ok {
			return nil, web.Bad("after", "must be next of the previous page")
		}
	}
	if in.Address != "" {
		audit.Of(ctx).Object("address", audit.MaskAddress(in.Address))
	}
	rows, err := h.rooms.Customers.KnownAddresses(ctx, filter)
	if err != nil {
		return nil, err
	}
	out := &api.AddressList{Addresses: make([]api.KnownAddress, len(rows))}
	for i, k := range rows {
		out.Addresses[i] = api.KnownAddress{
			Channel: k.Channel, Address: k.Address, Dead: k.Dead, Reason: k.Reason, DeadAt: moment(k.DeadAt),
			RevivedAt: moment(k.RevivedAt), RevivedBy: k.RevivedBy,
			OptedOut: k.OptedOut, OptedOutAt: moment(k.OptedOutAt), OptedOutBy: k.OptedOutBy,
			OptedInAt: moment(k.OptedInAt), OptedInBy: k.OptedInBy,
		}
	}
	if len(rows) == in.Limit {
		last := rows[len(rows)-1]
		out.Next = last.Channel + "/" + last.Address
	}
	return out, nil
}

// moment returns nil for the zero time.
func moment(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

func (h *Handlers) reviveAddress(ctx context.Context, in *api.ReviveInput) (*api.ReviveResponse, error) {
	audit.Of(ctx).Object("address", audit.MaskAddress(in.Body.Address))
	audit.Of(ctx).Note("channel", in.Body.Channel)
	n, err := h.rooms.Customers.Revive(ctx, h.Now(), in.Body.Channel, in.Body.Address, auth.Actor(ctx, in.Body.By))
	if err == nil && n == 0 {
		return nil, web.NotFound("not_found", "address", "this address is not dead")
	}
	return &api.ReviveResponse{Revived: n}, err
}
