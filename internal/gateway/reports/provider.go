package reports

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/rejection"
)

// maxBody is the largest request of a provider, in bytes. SendGrid's batches have up to 768 KiB.
const maxBody = 2 << 20

// Provider accepts the reports of the provider in the path, in its own language. The provider's signature is the permission.
// It answers once the events are stored, so that a provider repeats what was not.
func (h *Reports) Provider(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	receiver := h.receivers[name]
	if receiver == nil {
		web.WriteError(w, &web.Error{
			Status: http.StatusNotFound, Code: "not_found",
			Message: "no provider of this name is configured: the start log and tabi doctor name the setting",
		})
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			web.WriteError(w, web.TooLarge("", fmt.Sprintf("the body is larger than %d bytes", maxBody)))
			return
		}
		web.WriteError(w, web.Bad("", "the body cannot be read"))
		return
	}
	in, err := receiver.Receive(r, body)
	switch {
	case errors.Is(err, channel.ErrSignature):
		h.count(name, "unsigned", 1)
		h.Log.Warn("a provider's report was refused: its signature is not valid; compare the setting with the provider's page",
			zap.String("provider", name))
		web.WriteError(w, &web.Error{Status: http.StatusUnauthorized, Code: "unauthorized", Message: err.Error()})
		return
	case errors.Is(err, channel.ErrUnavailable):
		w.Header().Set("Retry-After", "60")
		h.Log.Warn("a provider's report cannot be checked now", zap.String("provider", name), zap.Error(err))
		web.WriteError(w, &web.Error{Status: http.StatusServiceUnavailable, Code: "unavailable", Message: channel.ErrUnavailable.Error()})
		return
	case err != nil:
		h.count(name, "unreadable", 1)
		h.Log.Warn("a provider's report cannot be read", zap.String("provider", name), zap.Error(err))
		web.WriteError(w, web.Bad("", "the reports cannot be read: "+err.Error()))
		return
	}
	out, err := h.store(r.Context(), name, in)
	if err != nil {
		h.StoreFailed(w, r, err)
		return
	}
	for _, one := range out.Ignored {
		h.Log.Info("a provider's report is ignored", zap.String("provider", name), zap.String("reason", one.Reason))
	}
	if in.Answer != "" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = io.WriteString(w, in.Answer)
		return
	}
	web.WriteJSON(w, http.StatusOK, out)
}

// store stores the events of a provider's reports, and counts them. Its error is one of the store: the reports must come again, and what
// was stored counts once.
func (h *Reports) store(ctx context.Context, provider string, in channel.Received) (api.MailEventsResponse, error) {
	out := api.MailEventsResponse{Success: true, Ignored: []api.IgnoredReport{}}
	var calls []customer.SegmentCall
	var index []int // of calls, in the reports
	for i, report := range in.Reports {
		call, reason, err := h.Event(ctx, report)
		switch {
		case err != nil:
			return out, err
		case reason != "":
			out.Ignored = append(out.Ignored, api.IgnoredReport{Index: i, Reason: reason})
		default:
			calls, index = append(calls, call), append(index, i)
		}
	}
	for n, reason := range in.Ignored {
		out.Ignored = append(out.Ignored, api.IgnoredReport{Index: len(in.Reports) + n, Reason: reason})
	}
	var refused []rejection.Refused
	for from := 0; from < len(calls); from += h.Limits.Batch { // each part is stored by itself; what a provider repeats counts once
		part := calls[from:min(from+h.Limits.Batch, len(calls))]
		receipts, invalid, err := h.intake.IngestEach(ctx, h.Now(), part)
		if err != nil {
			return out, err
		}
		out.Accepted += len(receipts)
		for _, receipt := range receipts {
			out.Warnings = append(out.Warnings, receipt.Warnings...)
		}
		for n, call := range part {
			if why := invalid[n]; why != nil {
				p := web.StoreProblem("", why)
				out.Rejected = append(out.Rejected, api.RejectedCall{
					Index: index[from+n], Code: p.Code, Field: p.Field, Message: p.Message,
				})
				refused = append(refused, rejection.Refused{Problem: *p, Value: call})
			}
		}
	}
	h.Doors.Rejected(ctx, h.Now(), rejection.Mail, refused)
	h.count(provider, "accepted", out.Accepted)
	h.count(provider, "ignored", len(out.Ignored))
	h.count(provider, "refused", len(out.Rejected))
	return out, nil
}
