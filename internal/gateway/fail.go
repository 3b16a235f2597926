package gateway

import (
	"encoding/json"
	"net/http"
	"strconv"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/store"
)

// fail is a refusal. Message says what is wrong and what to do, without customer data.
type fail struct {
	Status  int    `json:"-"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"` // batch[3].event
	Retry   int    `json:"-"`               // seconds, for Retry-After
}

// bad is a 400 about one field.
func bad(field, message string) *fail {
	field = top(field)
	return &fail{Status: http.StatusBadRequest, Code: "bad_value", Field: field, Message: field + " " + message}
}

func need(field, value string) *fail {
	if value == "" {
		return &fail{Status: http.StatusBadRequest, Code: "missing", Field: field, Message: field + " is missing or empty"}
	}
	return nil
}

func unauthorized(message string) *fail {
	return &fail{Status: http.StatusUnauthorized, Code: "unauthorized", Message: message}
}

func forbidden(field, message string) *fail {
	return &fail{Status: http.StatusForbidden, Code: "forbidden", Field: field, Message: message}
}

// firstFail is the first that is set.
func firstFail(fails ...*fail) *fail {
	for _, f := range fails {
		if f != nil {
			return f
		}
	}
	return nil
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	data, err := json.Marshal(value)
	if err != nil { // only values that JSON cannot carry; none is written here
		http.Error(w, `{"error":{"code":"internal","message":"the answer could not be written"}}`, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // the client may be gone
}

// refuse answers with a JSON error.
func (g *Gateway) refuse(w http.ResponseWriter, _ *http.Request, f *fail) {
	if f.Retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(f.Retry))
	}
	if f.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	writeJSON(w, f.Status, map[string]any{"error": f})
}

// storeFailed answers for a store that did not do its work: 503 where it cannot be reached, so that clients try again.
func (g *Gateway) storeFailed(w http.ResponseWriter, r *http.Request, err error) {
	f := g.storeFail(r, err)
	g.refuse(w, r, f)
}

func (g *Gateway) storeFail(r *http.Request, err error) *fail {
	if r.Context().Err() != nil { // the client hung up, or the server stops
		return &fail{
			Status:  http.StatusServiceUnavailable,
			Code:    "interrupted",
			Message: "the request was given up; send it again",
			Retry:   1,
		}
	}
	if store.IsInput(err) {
		return &fail{Status: http.StatusBadRequest, Code: "bad_value", Message: err.Error()}
	}
	if ping := g.cfg.Store.Ping(r.Context()); ping != nil {
		g.log.Error("the database cannot be reached", zap.Error(ping))
		return &fail{
			Status:  http.StatusServiceUnavailable,
			Code:    "unavailable",
			Message: "the database cannot be reached; nothing was stored, send it again",
			Retry:   5,
		}
	}
	g.log.Error("the store failed", zap.String("path", r.Pattern), zap.Error(err))
	return &fail{
		Status:  http.StatusInternalServerError,
		Code:    "internal",
		Message: "the store failed; nothing was stored, the log says why",
	}
}
