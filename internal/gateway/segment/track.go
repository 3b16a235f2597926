// Package segment serves the tracking API in Segment's form: track, identify, page, screen, group, alias and batch. It
// checks a call and the write key that makes it, pushes back when the outbox is too deep, and answers once the call is
// committed.
package segment

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Rooms are the rooms that the tracking API uses.
type Rooms struct {
	Customers Customers
	Intake    Intake
	Outbox    Outbox
}

// Customers has the profiles that user tokens are checked with.
type Customers interface {
	Get(ctx context.Context, id string) (customer.Customer, error)
}

// Intake stores events.
type Intake interface {
	Ingest(ctx context.Context, now time.Time, calls []customer.SegmentCall) ([]customer.Receipt, error)
}

// Outbox counts the entries that wait for delivery, up to limit.
type Outbox interface {
	Depth(ctx context.Context, limit int) (int, error)
}

// Handlers serve the tracking API.
type Handlers struct {
	*web.Env
	auth         *auth.Auth
	rooms        Rooms
	clock        clock.Clock
	calls        *prometheus.CounterVec
	warnings     prometheus.Counter
	backpressure *backpressure
}

// New returns the handlers. maxBacklog is how many outbox entries may wait before calls are answered 429; 0: any number.
func New(env *web.Env, a *auth.Auth, rooms Rooms, c clock.Clock, maxBacklog int, metrics prometheus.Registerer) *Handlers {
	h := &Handlers{
		Env: env, auth: a, rooms: rooms, clock: c,
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tabi_segment_calls_total", Help: "Segment calls that were accepted, duplicates included.",
		}, []string{"type"}),
		warnings: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tabi_segment_call_warnings_total",
			Help: "Parts of accepted Segment calls that were not understood, or had no effect: consents, reports of bounces.",
		}),
		backpressure: &backpressure{
			Env:    env,
			outbox: rooms.Outbox,
			limit:  maxBacklog,
			rejected: prometheus.NewCounter(prometheus.CounterOpts{
				Name: "tabi_backpressure_rejections_total",
				Help: "Requests of the tracking API that were answered 429 because the outbox was too deep.",
			}),
		},
	}
	metrics.MustRegister(h.calls, h.warnings, h.backpressure.rejected)
	return h
}

// Track serves one type of Segment call; kind "" is a batch.
func (h *Handlers) Track(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if f := h.backpressure.check(); f != nil {
			web.WriteError(w, f)
			return
		}
		body, f := h.ReadBody(w, r)
		if f != nil {
			web.WriteError(w, f)
			return
		}
		key, f := h.auth.WriteKey(r, body)
		if f != nil {
			web.WriteError(w, f)
			return
		}
		calls, f := h.parse(kind, body)
		if f == nil {
			f = h.authorize(r, key, kind == "", calls)
		}
		if f != nil {
			web.WriteError(w, f)
			return
		}
		receipts, err := h.rooms.Intake.Ingest(r.Context(), h.Now(), calls)
		if err != nil {
			h.StoreFailed(w, r, err)
			return
		}
		out := api.Accepted{Success: true, MessageIDs: make([]string, len(calls))}
		for i, c := range calls {
			out.MessageIDs[i] = c.MessageID
			h.calls.WithLabelValues(c.Type).Inc()
		}
		if key.Kind == auth.ServerKey {
			for _, got := range receipts {
				h.warnings.Add(float64(len(got.Warnings)))
				out.Receipts = append(out.Receipts, api.Receipt{
					MessageID: got.ID, Customer: got.Customer, Duplicate: got.Duplicate, Entered: got.Entered,
					DeliveredTo: len(got.DeliveredTo), Warnings: got.Warnings,
				})
			}
		}
		web.WriteJSON(w, http.StatusOK, out)
	}
}

// parse returns the calls of a body; one bad call refuses all.
func (h *Handlers) parse(kind string, body []byte) ([]customer.SegmentCall, *web.Error) {
	if kind != "" {
		c, f := h.parseCall("", kind, body, time.Time{})
		if f != nil {
			return nil, f
		}
		return []customer.SegmentCall{c}, nil
	}
	b, f := h.readBatch(body)
	if f != nil {
		return nil, f
	}
	p := web.FieldReader{In: map[string]any{"sentAt": b.sentAt}}
	sentAt := p.Time("sentAt")
	if p.Err != nil {
		return nil, p.Err
	}
	calls := make([]customer.SegmentCall, len(b.calls))
	for i, one := range b.calls {
		field := "batch[" + strconv.Itoa(i) + "]"
		if f := h.checkSize(field, b.sizes[i]); f != nil {
			return nil, f
		}
		in, f := h.Fields(field, one)
		if f != nil {
			return nil, f
		}
		if calls[i], f = h.call(field, "", in, sentAt); f != nil {
			return nil, f
		}
	}
	return calls, nil
}

func (h *Handlers) parseCall(field, kind string, raw []byte, sentAt time.Time) (customer.SegmentCall, *web.Error) {
	if f := h.checkSize(field, len(raw)); f != nil {
		return customer.SegmentCall{}, f
	}
	in, f := h.Object(field, raw)
	if f != nil {
		return customer.SegmentCall{}, f
	}
	return h.call(field, kind, in, sentAt)
}

func (h *Handlers) checkSize(field string, size int) *web.Error {
	if size > h.Limits.Event {
		return web.TooLarge(field, fmt.Sprintf("the call has %d bytes; at most %d are accepted", size, h.Limits.Event))
	}
	return nil
}

// authorize checks that the key may make these calls.
func (h *Handlers) authorize(r *http.Request, key auth.Key, batch bool, calls []customer.SegmentCall) *web.Error {
	for i := range calls {
		field := ""
		if batch {
			field = "batch[" + strconv.Itoa(i) + "]"
		}
		if f := allow(key, field, &calls[i]); f != nil {
			return f
		}
		if key.Kind == auth.ServerKey || calls[i].Type != typeAlias {
			continue
		}
		if f := h.webAlias(r, web.Join(field, "previousId"), &calls[i]); f != nil {
			return f
		}
	}
	return nil
}

// webAlias lets a web key alias an anonymous id, but no customer who was ever identified.
func (h *Handlers) webAlias(r *http.Request, field string, c *customer.SegmentCall) *web.Error {
	refused := web.Forbidden(field, "a web key may alias an anonymous id only; use a server key")
	previous := strings.TrimPrefix(c.PreviousID, event.AnonymousPrefix)
	got, err := h.rooms.Customers.Get(r.Context(), previous) // a user's id, or an anonymous one
	switch {
	case err == nil && !event.Anonymous(got.ID):
		return refused
	case err != nil && !errors.Is(err, sqldb.ErrNotFound):
		return h.StoreError(r, err)
	}
	c.PreviousID = event.AnonymousPrefix + previous // not a customer who later gets this as user id
	return nil
}
