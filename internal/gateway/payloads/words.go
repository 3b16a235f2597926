package payloads

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/tabi-journeys/tabi/internal/codec"
)

// maxUnread bounds what is read of a request whose caller may not decrypt, in bytes. A page of the Temporal UI sends less.
const maxUnread = 1 << 20

// A refusal holds the answer to a page of the Temporal UI back if it is an error. The UI shows no word of errors, only that the codec
// server "could not connect", so the person is answered in the place of the payloads.
type refusal struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer        // of an error
	in     []*commonpb.Payload // what was asked for, as far as the handler has read it
}

type refusalKey struct{}

// asked notes what a request asks for.
func asked(ctx context.Context, in []*commonpb.Payload) {
	if held, ok := ctx.Value(refusalKey{}).(*refusal); ok {
		held.in = in
	}
}

// holds reports whether an answer is for the person: not what the UI itself has done wrong.
func (a *refusal) holds() bool {
	switch a.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return true
	}
	return false
}

// WriteHeader implements http.ResponseWriter.
func (a *refusal) WriteHeader(status int) {
	if a.status != 0 {
		return
	}
	if a.status = status; !a.holds() {
		a.ResponseWriter.WriteHeader(status)
	}
}

// Write implements http.ResponseWriter.
func (a *refusal) Write(data []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if a.holds() {
		return a.body.Write(data)
	}
	return a.ResponseWriter.Write(data)
}

// Unwrap serves http.ResponseController.
func (a *refusal) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// speak serves a request of a page of the Temporal UI: where next refuses, the answer has words in place of each encrypted payload.
// refused gets the status that next has answered with.
func (h *Handlers) speak(w http.ResponseWriter, r *http.Request, next http.Handler, refused func(context.Context, int)) {
	held := &refusal{ResponseWriter: w}
	r = r.WithContext(context.WithValue(r.Context(), refusalKey{}, held))
	next.ServeHTTP(held, r)
	if !held.holds() {
		return
	}
	refused(r.Context(), held.status)
	if held.in == nil {
		data, err := io.ReadAll(io.LimitReader(r.Body, maxUnread+1))
		var in commonpb.Payloads
		if err == nil && len(data) <= maxUnread && protojson.Unmarshal(data, &in) == nil {
			held.in = in.GetPayloads()
		}
	}
	text, err := h.words(held)
	if err != nil || len(held.in) == 0 || len(held.in) > maxPayloads {
		w.WriteHeader(held.status)
		_, _ = w.Write(held.body.Bytes())
		return
	}
	w.Header().Del("WWW-Authenticate")
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text)
}

// words returns an answer that says why nothing was decrypted, in place of each encrypted payload.
func (h *Handlers) words(held *refusal) ([]byte, error) {
	var why struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if err := json.Unmarshal(held.body.Bytes(), &why); err != nil {
		return nil, err
	}
	message := why.Error.Message
	if held.status == http.StatusUnauthorized {
		message = "you are not signed in. Sign in at " + strings.TrimRight(h.publicURL, "/") + "/login in this browser, and reload this " +
			"page. If that does not help, the page sends no cookies: turn on “Include cross-origin credentials” in its codec settings"
	}
	p, err := converter.GetDefaultDataConverter().ToPayload("(encrypted: " + message + ")")
	if err != nil {
		return nil, err
	}
	out := make([]*commonpb.Payload, len(held.in))
	for i, in := range held.in {
		if out[i] = in; codec.Encrypted(in) {
			out[i] = p
		}
	}
	return protojson.Marshal(&commonpb.Payloads{Payloads: out})
}
