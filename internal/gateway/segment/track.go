// Package segment serves the tracking API in Segment's form: track, identify, page, screen, group, alias and batch. It
// checks a call and the write key that makes it, pushes back when the outbox is too deep, and answers once the call is
// committed.
package segment

import (
	"context"
	"errors"
	"net/http"
	"slices"
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
	"github.com/tabi-journeys/tabi/internal/rejection"
	"github.com/tabi-journeys/tabi/internal/segmentcall"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/tolerant"
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
	Subscriber(mailbox string) (anonymousID string)
}

// Intake stores events.
type Intake interface {
	IngestEach(ctx context.Context, now time.Time, calls []customer.SegmentCall) ([]customer.Receipt, map[int]error, error)
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
	limits       *rateLimits
}

// New returns the handlers. maxBacklog is how many outbox entries may wait before calls are answered 429; 0: any number.
func New(env *web.Env, a *auth.Auth, rooms Rooms, c clock.Clock, maxBacklog int, rates Rates, metrics prometheus.Registerer) *Handlers {
	h := &Handlers{
		Env: env, auth: a, rooms: rooms, clock: c,
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tabi_segment_calls_total", Help: "Segment calls that were accepted, duplicates included.",
		}, []string{"type"}),
		warnings: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tabi_segment_call_warnings_total",
			Help: "Parts of accepted Segment calls that were not understood, or had no effect: consents, addresses, time zones, bounces.",
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
		limits: newLimits(env, rates),
	}
	metrics.MustRegister(h.calls, h.warnings, h.backpressure.rejected, h.limits.rejected)
	return h
}

// Track serves one type of Segment call; kind "" is a batch.
func (h *Handlers) Track(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if f := h.backpressure.check(auth.ServerKey); f != nil {
			web.WriteError(w, f)
			return
		}
		peer := h.Peer(r)
		if key, f := h.auth.WriteKey(r, nil); f != nil || key.Kind != auth.ServerKey {
			if f := h.limits.ready(peer); f != nil {
				web.WriteError(w, f)
				return
			}
		}
		body, f := h.ReadBody(w, r)
		if f != nil {
			h.refuse(w, r, f)
			return
		}
		key, f := h.auth.WriteKey(r, body)
		if f != nil {
			web.WriteError(w, web.FirstError(h.limits.take(key, peer, 1), f))
			return
		}
		if f := h.backpressure.check(key.Kind); f != nil {
			web.WriteError(w, f)
			return
		}
		elements, f := h.elements(kind, body)
		if key.Kind != auth.ServerKey {
			if f := h.limits.take(key, peer, len(elements)); f != nil {
				web.WriteError(w, f)
				return
			}
		}
		if f != nil {
			h.refuse(w, r, f)
			return
		}
		j, f := h.judge(r, key, elements)
		if f == nil {
			f = h.store(r, j)
		}
		if f != nil {
			web.WriteError(w, f)
			return
		}
		h.answer(w, r, key, kind, j)
	}
}

// refuse answers a body that is refused as a whole.
func (h *Handlers) refuse(w http.ResponseWriter, r *http.Request, f *web.Error) {
	h.Doors.Rejected(r.Context(), h.Now(), rejection.HTTP, []rejection.Refused{{Problem: *f.Problem()}})
	web.WriteError(w, f)
}

// elements returns the calls of a body, decoded.
func (h *Handlers) elements(kind string, body []byte) ([]segmentcall.Element, *web.Error) {
	if kind != "" {
		value, f := decode(body)
		return []segmentcall.Element{{Kind: kind, Value: value, Bytes: len(body)}}, f
	}
	b, f := h.readBatch(body)
	if f != nil {
		return nil, f
	}
	sentAt := (&tolerant.Reader{In: map[string]any{"sentAt": b.sentAt}}).Hint("sentAt", tolerant.SentAt)
	about, _ := b.context.(map[string]any)
	out := make([]segmentcall.Element, len(b.calls))
	for i, one := range b.calls {
		out[i] = segmentcall.Element{
			Field: "batch[" + strconv.Itoa(i) + "]", Value: one, Bytes: b.sizes[i], SentAt: sentAt, Context: about,
		}
	}
	return out, nil
}

// judgment is what becomes of the calls of a request.
type judgment struct {
	elements []segmentcall.Element
	calls    []customer.SegmentCall // accepted
	index    []int                  // of calls: their elements
	receipts []customer.Receipt     // of calls
	changes  []api.AdjustedCall
	refused  []api.RejectedCall
	keep     []rejection.Refused
}

// reject notes that an element is refused.
func (j *judgment) reject(i int, p *tolerant.Problem) {
	e := j.elements[i]
	j.refused = append(j.refused, api.RejectedCall{Index: i, Code: p.Code, Field: p.Field, Message: p.Message})
	j.keep = append(j.keep, rejection.Refused{Problem: *p, Value: e.Value, Bytes: e.Bytes})
}

// judge reads each call alone. It fails only if the store does.
func (h *Handlers) judge(r *http.Request, key auth.Key, elements []segmentcall.Element) (*judgment, *web.Error) {
	j := &judgment{elements: elements, calls: make([]customer.SegmentCall, 0, len(elements)), index: make([]int, 0, len(elements))}
	reader := segmentcall.Reader{Source: "http", MaxBytes: h.Limits.Event, MaxDepth: h.Limits.Depth, When: h.when}
	for i, e := range elements {
		c, changes, problem := reader.Read(e)
		if problem == nil {
			problem = allow(key, e.Field, &c)
		}
		if problem == nil {
			var more []tolerant.Change
			more, problem = speaker(key, e.Field, &c)
			changes = append(changes, more...)
		}
		if problem == nil && key.Kind != auth.ServerKey && c.Type == segmentcall.Alias {
			f := h.webAlias(r, tolerant.Join(e.Field, "previousId"), &c)
			if f != nil && f.Status >= http.StatusInternalServerError {
				return nil, f
			}
			if f != nil {
				problem = f.Problem()
			}
		}
		if problem != nil {
			j.reject(i, problem)
			continue
		}
		changes = append(changes, keepContext(key, e.Field, &c)...)
		if problem := h.subscription(key, e.Field, &c); problem != nil {
			j.reject(i, problem)
			continue
		}
		h.Doors.Adjusted(rejection.HTTP, changes)
		for _, one := range changes {
			j.changes = append(j.changes, api.AdjustedCall{Index: i, Field: one.Field, Change: one.Kind})
		}
		j.calls, j.index = append(j.calls, c), append(j.index, i)
	}
	return j, nil
}

// store stores the accepted calls. One that the store refuses is refused alone.
func (h *Handlers) store(r *http.Request, j *judgment) *web.Error {
	if len(j.calls) > 0 {
		receipts, refused, err := h.rooms.Intake.IngestEach(r.Context(), h.Now(), j.calls)
		if err != nil {
			return h.StoreError(r, err)
		}
		for n := range j.calls {
			if why := refused[n]; why != nil {
				j.reject(j.index[n], web.StoreProblem(j.elements[j.index[n]].Field, why))
			}
		}
		kept := 0
		for n := range j.calls {
			if refused[n] == nil {
				j.calls[kept], j.index[kept] = j.calls[n], j.index[n]
				kept++
			}
		}
		j.calls, j.index, j.receipts = j.calls[:kept], j.index[:kept], receipts
		for n, got := range receipts {
			if got.Stayed {
				h.adjusted(j, j.index[n], "anonymousId", tolerant.TraitsStay)
			}
			if got.Kept {
				h.adjusted(j, j.index[n], "traits", tolerant.UserTraits)
			}
		}
	}
	slices.SortStableFunc(j.refused, func(a, b api.RejectedCall) int { return a.Index - b.Index })
	h.Doors.Rejected(r.Context(), h.Now(), rejection.HTTP, j.keep)
	return nil
}

// wait reports whether every call is refused for now, since too much of its customer waits for delivery.
func (j *judgment) wait() bool {
	return len(j.keep) > 0 && !slices.ContainsFunc(j.keep, func(r rejection.Refused) bool { return !web.Later(r.Code) })
}

// adjusted notes a change that the store has made to an accepted call.
func (h *Handlers) adjusted(j *judgment, i int, field, kind string) {
	change := tolerant.Change{Field: tolerant.Join(j.elements[i].Field, field), Kind: kind}
	h.Doors.Adjusted(rejection.HTTP, []tolerant.Change{change})
	j.changes = append(j.changes, api.AdjustedCall{Index: i, Field: change.Field, Change: change.Kind})
}

// maxChanges is how many changes an answer lists.
const maxChanges = 100

// answer answers a request whose good calls are stored. A single call that is refused is an error; in a batch it is listed, since
// client libraries drop or repeat a whole batch that is not answered 200.
func (h *Handlers) answer(w http.ResponseWriter, r *http.Request, key auth.Key, kind string, j *judgment) {
	if kind != "" && len(j.keep) > 0 || len(j.calls) == 0 && j.wait() { // client libraries repeat what is answered 429, and drop a 200
		web.WriteError(w, web.Refused(&j.keep[0].Problem))
		return
	}
	out := api.Accepted{
		Success: true, MessageIDs: make([]string, len(j.elements)), Rejected: j.refused,
		Adjusted: j.changes[:min(len(j.changes), maxChanges)],
	}
	for n, c := range j.calls {
		out.MessageIDs[j.index[n]] = c.MessageID
		h.calls.WithLabelValues(c.Type).Inc()
	}
	for _, got := range j.receipts {
		h.warnings.Add(float64(len(got.Warnings)))
		if got.Forgotten {
			h.Doors.Adjusted(rejection.HTTP, []tolerant.Change{{Kind: rejection.Forgotten}})
		}
		if key.Kind == auth.ServerKey {
			out.Receipts = append(out.Receipts, api.Receipt{
				MessageID: got.ID, Customer: got.Customer, Duplicate: got.Duplicate, Forgotten: got.Forgotten, Entered: got.Entered,
				DeliveredTo: len(got.DeliveredTo), Unnamed: got.Unnamed, Warnings: got.Warnings,
			})
		}
	}
	web.WriteJSON(w, http.StatusOK, out)
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
