package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/store"
)

// receipt is what a server key is told of one call.
type receipt struct {
	MessageID string   `json:"messageId"`
	Customer  string   `json:"customer"`
	Duplicate bool     `json:"duplicate,omitempty"`
	Entered   []string `json:"entered,omitempty"` // workflow ids of the instances it started
	Heard     int      `json:"heard,omitempty"`   // how many instances under way it goes to
}

// taken is the answer to accepted calls. Receipts are for server keys alone: whose an anonymous id is, is not public.
type taken struct {
	Success    bool      `json:"success"`
	MessageIDs []string  `json:"messageIds"`
	Receipts   []receipt `json:"receipts,omitempty"`
}

// track serves the calls of Segment's tracking API of one type; kind "" is batch.
func (g *Gateway) track(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if f := g.pressure.check(); f != nil {
			g.refuse(w, r, f)
			return
		}
		body, f := g.readBody(w, r)
		if f != nil {
			g.refuse(w, r, f)
			return
		}
		key, f := g.writeKey(r, body)
		if f != nil {
			g.refuse(w, r, f)
			return
		}
		calls, f := g.parse(kind, body)
		if f == nil {
			f = g.authorize(r, key, kind == "", calls)
		}
		if f != nil {
			g.refuse(w, r, f)
			return
		}
		receipts, err := g.cfg.Store.Ingest(r.Context(), g.now(), calls)
		if err != nil {
			g.storeFailed(w, r, err)
			return
		}
		out := taken{Success: true, MessageIDs: make([]string, len(calls))}
		for i, c := range calls {
			out.MessageIDs[i] = c.MessageID
			g.calls.WithLabelValues(c.Type).Inc()
		}
		if key.Kind == ServerKey {
			for _, got := range receipts {
				out.Receipts = append(
					out.Receipts,
					receipt{
						MessageID: got.ID,
						Customer:  got.Customer,
						Duplicate: got.Duplicate,
						Entered:   got.Entered,
						Heard:     len(got.DeliveredTo),
					},
				)
			}
		}
		writeJSON(w, http.StatusOK, out)
	}
}

// parse makes the calls of a body; a bad one refuses all.
func (g *Gateway) parse(kind string, body []byte) ([]store.SegmentCall, *fail) {
	if kind != "" {
		c, f := g.parseCall("", kind, body, time.Time{})
		if f != nil {
			return nil, f
		}
		return []store.SegmentCall{c}, nil
	}
	b, f := g.readBatch(body)
	if f != nil {
		return nil, f
	}
	p := picker{in: map[string]any{"sentAt": b.sentAt}}
	sentAt := p.time("sentAt")
	if p.fail != nil {
		return nil, p.fail
	}
	calls := make([]store.SegmentCall, len(b.calls))
	for i, one := range b.calls {
		field := "batch[" + strconv.Itoa(i) + "]"
		if f := g.checkSize(field, b.sizes[i]); f != nil {
			return nil, f
		}
		in, f := g.fields(field, one)
		if f != nil {
			return nil, f
		}
		if calls[i], f = g.call(field, "", in, sentAt); f != nil {
			return nil, f
		}
	}
	return calls, nil
}

func (g *Gateway) parseCall(field, kind string, raw []byte, sentAt time.Time) (store.SegmentCall, *fail) {
	if f := g.checkSize(field, len(raw)); f != nil {
		return store.SegmentCall{}, f
	}
	in, f := g.object(field, raw)
	if f != nil {
		return store.SegmentCall{}, f
	}
	return g.call(field, kind, in, sentAt)
}

func (g *Gateway) checkSize(field string, size int) *fail {
	if size > g.cfg.Limits.Event {
		return &fail{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Field: field,
			Message: fmt.Sprintf("the call has %d bytes; at most %d are taken", size, g.cfg.Limits.Event)}
	}
	return nil
}

// authorize holds the calls against the key.
func (g *Gateway) authorize(r *http.Request, key Key, batch bool, calls []store.SegmentCall) *fail {
	for i := range calls {
		field := ""
		if batch {
			field = "batch[" + strconv.Itoa(i) + "]"
		}
		if f := key.allow(field, &calls[i]); f != nil {
			return f
		}
		if key.Kind == ServerKey || calls[i].Type != typeAlias {
			continue
		}
		if f := g.webAlias(r, join(field, "previousId"), &calls[i]); f != nil {
			return f
		}
	}
	return nil
}

// webAlias lets a web key alias what is anonymous, and nobody who was ever identified.
func (g *Gateway) webAlias(r *http.Request, field string, c *store.SegmentCall) *fail {
	refused := forbidden(field, "a web key may alias an anonymous id only; use a server key")
	previous := strings.TrimPrefix(c.PreviousID, anonymousPrefix)
	got, err := g.cfg.Store.Customer(r.Context(), previous) // a user's id, or an anonymous one
	switch {
	case err == nil && !strings.HasPrefix(got.ID, anonymousPrefix):
		return refused
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return g.storeFail(r, err)
	}
	c.PreviousID = anonymousPrefix + previous // whoever comes to have this as a user's id is not meant
	return nil
}
