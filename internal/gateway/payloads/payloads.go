// Package payloads is Temporal's codec server: it decrypts payloads for the Temporal UI and CLI, and encrypts and decrypts for workers
// of other teams, by the protocol of Temporal's remote codecs.
package payloads

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"

	commonpb "go.temporal.io/api/common/v1"
	"go.uber.org/zap"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
)

// Limits of a request. An event of a history has a few payloads, each of at most 2 MiB.
const (
	maxBody     = 16 << 20 // bytes
	maxPayloads = 1000
)

// Codec encrypts and decrypts payloads.
type Codec interface {
	Namespace() string
	EncodeFor(ctx context.Context, payloads []*commonpb.Payload) ([]*commonpb.Payload, error)
	Customers(ctx context.Context, payloads []*commonpb.Payload) (customers []string, others int, err error)
	DecodeEach(ctx context.Context, payloads []*commonpb.Payload) ([]*commonpb.Payload, error)
}

// Handlers serve the codec server.
type Handlers struct {
	*web.Env
	codec     Codec
	uis       UIs
	publicURL string
}

// New returns the handlers. codec is nil where nothing is encrypted; publicURL is where people sign in.
func New(env *web.Env, codec Codec, uis UIs, publicURL string) *Handlers {
	return &Handlers{Env: env, codec: codec, uis: uis, publicURL: publicURL}
}

// Decode decrypts. A payload whose key is gone comes back as words that say so. It is a look at each customer whose key is used, and at
// customers whom nobody knows where the key is shared: the inputs of Track, what workers of other teams encrypt.
func (h *Handlers) Decode(w http.ResponseWriter, r *http.Request) {
	h.serve(w, r, func(in []*commonpb.Payload) ([]*commonpb.Payload, error) {
		customers, others, err := h.codec.Customers(r.Context(), in)
		if err != nil {
			return nil, err
		}
		act := audit.Of(r.Context())
		switch {
		case len(customers) > 0:
			act.AboutEach(customers)
		case others > 0:
			act.Note("shared_key", strconv.Itoa(others))
		default:
			act.Skip() // nothing that is encrypted
		}
		return h.codec.DecodeEach(r.Context(), in)
	})
}

// Encode encrypts by the key for what belongs to no customer: the protocol does not say whose a payload is.
func (h *Handlers) Encode(w http.ResponseWriter, r *http.Request) {
	h.serve(w, r, func(in []*commonpb.Payload) ([]*commonpb.Payload, error) { return h.codec.EncodeFor(r.Context(), in) })
}

func (h *Handlers) serve(w http.ResponseWriter, r *http.Request, change func([]*commonpb.Payload) ([]*commonpb.Payload, error)) {
	if f := h.allowed(r); f != nil {
		web.WriteError(w, f)
		return
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var in commonpb.Payloads
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		web.WriteError(w, tooLarge("the body has more than 16 MiB"))
		return
	case err != nil:
		web.WriteError(w, web.Bad("payloads", "could not be read"))
		return
	}
	if err := protojson.Unmarshal(data, &in); err != nil {
		web.WriteError(w, web.Bad("payloads", `must be a list of payloads: {"payloads": [{"metadata": {…}, "data": "…"}]}, in base64`))
		return
	}
	if len(in.GetPayloads()) > maxPayloads {
		web.WriteError(w, tooLarge("there are more than 1000 payloads"))
		return
	}
	asked(r.Context(), in.GetPayloads())
	out, err := change(in.GetPayloads())
	if err != nil {
		h.Log.Error("payloads could not be encrypted or decrypted", zap.Error(err))
		web.WriteError(w, &web.Error{Status: http.StatusServiceUnavailable, Code: "unavailable", Retry: 1,
			Message: "the keys cannot be reached; the gateway's log has the reason"})
		return
	}
	text, err := protojson.Marshal(&commonpb.Payloads{Payloads: out})
	if err != nil {
		web.WriteError(w, web.Bad("payloads", "cannot be written as JSON"))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text)
}

func tooLarge(message string) *web.Error {
	return &web.Error{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Message: message}
}

// allowed checks what the permission does not say: the namespace, and that a browser with a session shows the Temporal UI or a page of
// this gateway.
func (h *Handlers) allowed(r *http.Request) *web.Error {
	if h.codec == nil {
		return web.NotFound("not_encrypted", "", "nothing is encrypted here: TABI_MASTER_KEYS is not set")
	}
	if name := r.Header.Get("X-Namespace"); name != "" && name != h.codec.Namespace() {
		return web.NotFound("unknown_namespace", "", "this gateway has no keys for that namespace")
	}
	if auth.PrincipalOf(r.Context()).Kind == auth.KindSession && !h.uis.has(r.Header.Get("Origin")) &&
		r.Header.Get("Sec-Fetch-Site") != "same-origin" {
		return web.Forbidden("", "only the Temporal UI of TABI_TEMPORAL_UI may use a session here")
	}
	return nil
}

// CORS lets pages of the Temporal UIs call, with their session, and no other page. It answers preflights. A person at such a page who may
// not decrypt is answered in words, and refused gets the status of that.
func (h *Handlers) CORS(next http.Handler, refused func(context.Context, int)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		ui := h.uis.has(origin)
		if ui {
			head.Set("Access-Control-Allow-Origin", origin)
			head.Set("Access-Control-Allow-Credentials", "true")
			head.Set("Access-Control-Allow-Methods", "POST, OPTIONS")
			head.Set("Access-Control-Allow-Headers",
				"Authorization, Authorization-Extras, Content-Type, X-Namespace, X-CSRF-Token, Caller-Type")
			head.Set("Access-Control-Max-Age", "7200")
		}
		switch {
		case r.Method == http.MethodOptions:
			w.WriteHeader(http.StatusNoContent)
		case ui:
			// The UI may pass the token of its own sign-in. It says nothing here, and is no failed try to sign in.
			r.Header.Del("Authorization")
			h.speak(w, r, next, refused)
		default:
			next.ServeHTTP(w, r)
		}
	})
}
