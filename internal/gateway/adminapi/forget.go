package adminapi

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/erasure"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/retention"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Erasure has the requests to forget a customer.
type Erasure interface {
	Start(ctx context.Context, now time.Time, id, reason, by string, dryRun bool) (erasure.Request, error)
	Get(ctx context.Context, id string) (erasure.Request, error)
	List(ctx context.Context, limit int) ([]erasure.Request, error)
	Remember(ctx context.Context, id string) error
	Export(ctx context.Context, id, after string) (erasure.ExportedPage, error)
}

func (h *Handlers) exportCustomer(ctx context.Context, in *api.ExportInput) (*api.ExportPage, error) {
	audit.Of(ctx).About(in.ID, "")
	audit.Of(ctx).Page(in.After == "")
	page, err := h.rooms.Erasure.Export(ctx, in.ID, in.After)
	if err != nil {
		return nil, unknownCustomer(in.ID, err)
	}
	out := &api.ExportPage{Customer: page.Customer, List: page.Table, Title: page.Title, Rows: page.Rows, Next: page.Next}
	if out.Rows == nil {
		out.Rows = []map[string]any{}
	}
	if in.After == "" {
		c, err := h.rooms.Customers.Get(ctx, page.Customer)
		if err != nil {
			return nil, unknownCustomer(in.ID, err)
		}
		begins, err := h.figures.CompleteSince(ctx, retention.OfCustomers...)
		if err != nil {
			return nil, err
		}
		out.CompleteSince = api.CompleteSince(retention.Begins(begins).After(c.Created))
	}
	return out, nil
}

func (h *Handlers) forgetCustomer(ctx context.Context, in *api.ForgetInput) (*api.ForgetStatus, error) {
	audit.Of(ctx).About(in.ID, "")
	if in.Body.DryRun {
		audit.Of(ctx).Skip()
	}
	r, err := h.rooms.Erasure.Start(ctx, h.Now(), in.ID, in.Body.Reason, auth.Actor(ctx, in.Body.By), in.Body.DryRun)
	if err != nil {
		return nil, unknownCustomer(in.ID, err)
	}
	if r.ID != "" {
		h.Log.Info("a customer is to be forgotten", zap.String("request", r.ID), zap.String("by", auth.PrincipalOf(ctx).Subject))
	}
	return viewForget(r), nil
}

func viewForget(r erasure.Request) *api.ForgetStatus {
	out := &api.ForgetStatus{
		Request: r.ID, State: r.State, Reason: r.Reason, By: r.By, At: r.At, DoneAt: r.DoneAt, IDs: r.Report.IDs,
		Enrollments: api.ForgetEnrollments(r.Report.Enrollments), Runs: api.ForgetRuns(r.Report.Runs), Tables: map[string]api.ForgetTable{},
	}
	for name, t := range r.Report.Tables {
		out.Tables[name] = api.ForgetTable(*t)
	}
	return out
}

func (h *Handlers) getForget(ctx context.Context, in *api.ForgetID) (*api.ForgetStatus, error) {
	r, err := h.rooms.Erasure.Get(ctx, in.ID)
	if errors.Is(err, sqldb.ErrNotFound) {
		return nil, web.NotFound("not_found", "id", "there is no such request")
	}
	if err != nil {
		return nil, err
	}
	return viewForget(r), nil
}

func (h *Handlers) listForgets(ctx context.Context, in *api.ForgetFilter) (*api.ForgetList, error) {
	rows, err := h.rooms.Erasure.List(ctx, in.Limit)
	out := &api.ForgetList{Requests: make([]api.ForgetStatus, len(rows))}
	for i, r := range rows {
		out.Requests[i] = *viewForget(r)
	}
	return out, err
}

func (h *Handlers) rememberCustomer(ctx context.Context, in *api.RememberInput) (*api.Remembered, error) {
	audit.Of(ctx).About(in.ID, "")
	err := h.rooms.Erasure.Remember(ctx, in.ID)
	if errors.Is(err, sqldb.ErrNotFound) {
		return nil, web.NotFound("not_forgotten", "id", "no customer with this id was forgotten")
	}
	return &api.Remembered{Remembered: true}, err
}
