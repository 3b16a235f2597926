// Package payloads is Temporal's codec server: it decrypts payloads for the Temporal UI and CLI, and encrypts and decrypts for workers
// of other teams, by the protocol of Temporal's remote codecs.
package payloads

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

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
	Customers(ctx context.Context, payloads []*commonpb.Payload) []string
	DecodeEach(ctx context.Context, payloads []*commonpb.Payload) ([]*commonpb.Payload, error)
}

// Handlers serve the codec server.
type Handlers struct {
	*web.Env
	codec Codec
	ui    string // origin of the Temporal UI; empty: none
}

// New returns the handlers. codec is nil where nothing is encrypted; temporalUI is an address in the Temporal UI, or empty.
func New(env *web.Env, codec Codec, temporalUI string) *Handlers {
	h := &Handlers{Env: env, codec: codec}
	if u, err := url.Parse(temporalUI); err == nil && u.Host != "" {
		h.ui = strings.ToLower(u.Scheme + "://" + u.Host)
	}
	return h
}

// Decode decrypts. A payload whose key is gone comes back as words that say so.
func (h *Handlers) Decode(w http.ResponseWriter, r *http.Request) {
	h.serve(w, r, func(in []*commonpb.Payload) ([]*commonpb.Payload, error) {
		act := audit.Of(r.Context())
		switch whose := h.codec.Customers(r.Context(), in); len(whose) {
		case 0:
			act.Skip() // nobody's data
		case 1:
			act.About(whose[0], "")
		default:
			act.Note("customers", strconv.Itoa(len(whose)))
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
	origin := strings.ToLower(r.Header.Get("Origin"))
	if auth.PrincipalOf(r.Context()).Kind == auth.KindSession && origin != h.ui && r.Header.Get("Sec-Fetch-Site") != "same-origin" {
		return web.Forbidden("", "only the Temporal UI of TABI_TEMPORAL_UI may use a session here")
	}
	return nil
}

// CORS lets pages of the Temporal UI call, with their session, and no other page. It answers preflights.
func (h *Handlers) CORS(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Add("Vary", "Origin")
		if origin := r.Header.Get("Origin"); h.ui != "" && strings.ToLower(origin) == h.ui {
			head.Set("Access-Control-Allow-Origin", origin)
			head.Set("Access-Control-Allow-Credentials", "true")
			head.Set("Access-Control-Allow-Methods", "POST, OPTIONS")
			head.Set("Access-Control-Allow-Headers",
				"Authorization, Authorization-Extras, Content-Type, X-Namespace, X-CSRF-Token, Caller-Type")
			head.Set("Access-Control-Max-Age", "7200")
		}
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}
