package adminapi

import (
	"context"
	"errors"
	"strconv"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/retention"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// listAudit lists entries of the audit log. That somebody exports them is always recorded, once for all pages.
func (h *Handlers) listAudit(ctx context.Context, in *api.AuditFilter) (*api.AuditList, error) {
	var after int64
	if in.After != "" {
		var err error
		if after, err = strconv.ParseInt(in.After, 10, 64); err != nil || after < 1 {
			return nil, web.Bad("after", "must be next of the previous page")
		}
	}
	act := audit.Of(ctx)
	act.About(in.Customer, in.Journey)
	oldest := in.Order == "oldest"
	if oldest {
		act.Note("export", "yes")
		act.Page(after == 0)
	}
	f := audit.Filter{Journey: in.Journey, Who: in.Who, What: in.What, Result: in.Result, Since: in.Since, After: after,
		OldestFirst: oldest, Limit: in.Limit}
	if in.Customer != "" {
		f.Customers = []string{in.Customer}
		c, err := h.rooms.Customers.Get(ctx, in.Customer)
		switch {
		case err == nil:
			f.Customers = append(append(f.Customers, c.ID), c.Merged...)
		case !errors.Is(err, sqldb.ErrNotFound):
			return nil, err
		}
	}
	list, err := h.rooms.Audit.List(ctx, f)
	if err != nil {
		return nil, err
	}
	out := &api.AuditList{Entries: make([]api.AuditEntry, len(list))}
	for i, e := range list {
		out.Entries[i] = api.AuditEntry{
			Seq: e.Seq, At: e.At, Who: e.Who, Subject: e.Subject, Role: e.Role, Door: e.Door, Peer: e.Peer, What: e.What, Kind: e.Kind,
			ID: e.ID, Customer: e.Customer, Journey: e.Journey, Result: e.Result, Reason: e.Reason, Detail: e.Detail, Erased: e.Erased,
			Hash: e.Hash,
		}
	}
	if len(list) == in.Limit {
		out.Next = strconv.FormatInt(list[len(list)-1].Seq, 10)
	}
	out.CompleteSince, err = h.figures.CompleteSince(ctx, retention.Audit)
	return out, err
}
