package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/limits"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/tolerant"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// Error is an error response of the API: {"error": {"code", "message", "field", "request_id"}}. Message explains what is wrong and what to
// do, without customer data.
type Error struct {
	Status  int    `json:"-"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"` // batch[3].event
	Retry   int    `json:"-"`               // seconds, for Retry-After
	Request string `json:"request_id,omitempty"`
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Bad returns a 400 about one field; message continues the sentence that begins with the field.
func Bad(field, message string) *Error {
	field = tolerant.Top(field)
	return &Error{Status: http.StatusBadRequest, Code: "bad_value", Field: field, Message: strings.TrimSpace(field + " " + message)}
}

// RetryAfter is how long clients are asked to wait where too much waits for delivery, in seconds.
const RetryAfter = 5

// Refused returns the response to a call that is refused alone.
func Refused(p *tolerant.Problem) *Error {
	if p == nil {
		return nil
	}
	status, retry := http.StatusBadRequest, 0
	switch p.Code {
	case tolerant.TooLarge:
		status = http.StatusRequestEntityTooLarge
	case tolerant.Forbidden:
		status = http.StatusForbidden
	case tolerant.Taken:
		status = http.StatusConflict
	default:
		if over := limits.Status(p.Code); over != 0 {
			status = over
		}
		if status == http.StatusTooManyRequests {
			retry = RetryAfter
		}
	}
	return &Error{Status: status, Code: p.Code, Field: p.Field, Message: p.Message, Retry: retry}
}

// Later reports whether a call that was refused with a code may be accepted later.
func Later(code string) bool { return limits.Status(code) == http.StatusTooManyRequests }

// StoreProblem returns the problem of a call that the store refused alone.
func StoreProblem(field string, why error) *tolerant.Problem {
	if errors.Is(why, customer.ErrTaken) {
		return &tolerant.Problem{Code: tolerant.Taken, Field: tolerant.Join(field, "messageId"), Message: why.Error()}
	}
	code := tolerant.Invalid
	var over *limits.Error
	if errors.As(why, &over) {
		code = over.Code
	}
	return &tolerant.Problem{Code: code, Field: field, Message: why.Error()}
}

// Problem is the inverse of Refused.
func (e *Error) Problem() *tolerant.Problem {
	return &tolerant.Problem{Code: e.Code, Field: e.Field, Message: e.Message}
}

// Need returns a 400 if value is empty.
func Need(field, value string) *Error {
	if value == "" {
		return Missing(field, field+" is missing or empty")
	}
	return nil
}

// Missing returns a 400 about a field that is missing.
func Missing(field, message string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "missing", Field: field, Message: message}
}

// Unauthorized returns a 401.
func Unauthorized(message string) *Error {
	return &Error{Status: http.StatusUnauthorized, Code: "unauthorized", Message: message}
}

// Forbidden returns a 403.
func Forbidden(field, message string) *Error {
	return &Error{Status: http.StatusForbidden, Code: "forbidden", Field: field, Message: message}
}

// NotFound returns a 404.
func NotFound(code, field, message string) *Error {
	return &Error{Status: http.StatusNotFound, Code: code, Field: field, Message: message}
}

// TooLarge returns a 413.
func TooLarge(field, message string) *Error {
	return &Error{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Field: field, Message: message}
}

// FirstError returns the first error that is set.
func FirstError(list ...*Error) *Error {
	for _, e := range list {
		if e != nil {
			return e
		}
	}
	return nil
}

// WriteJSON writes a JSON response.
func WriteJSON(w http.ResponseWriter, status int, value any) {
	data, err := json.Marshal(value)
	if err != nil { // only values that JSON cannot represent; none is written here
		http.Error(w, `{"error":{"code":"internal","message":"the answer could not be written"}}`, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // the client may be gone
}

// Header sets the response headers that belong to the error.
func (e *Error) Header(h http.Header) {
	if e.Retry > 0 {
		h.Set("Retry-After", strconv.Itoa(e.Retry))
	}
	if e.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
}

// WriteError writes an error response.
func WriteError(w http.ResponseWriter, e *Error) {
	e.Header(w.Header())
	own := *e
	own.Request = w.Header().Get(RequestIDHeader)
	WriteJSON(w, e.Status, map[string]any{"error": own})
}

// StoreFailed writes the response to an error of the store.
func (e *Env) StoreFailed(w http.ResponseWriter, r *http.Request, err error) {
	WriteError(w, e.StoreError(r, err))
}

// StoreError returns the response to an error of the store.
func (e *Env) StoreError(r *http.Request, err error) *Error {
	return e.StoreErrorAt(r.Context(), r.Pattern, err)
}

// StoreErrorAt returns the response to an error of the store: 503 if the database cannot be reached, so that clients retry.
// route is for the log.
func (e *Env) StoreErrorAt(ctx context.Context, route string, err error) *Error {
	if ctx.Err() != nil { // the client hung up, or the server stops
		return &Error{
			Status: http.StatusServiceUnavailable, Code: "interrupted", Retry: 1,
			Message: "the request was interrupted; send it again",
		}
	}
	var over *limits.Error
	if errors.As(err, &over) {
		return Refused(&tolerant.Problem{Code: over.Code, Message: over.Message})
	}
	if errors.Is(err, unit.ErrForgotten) {
		return &Error{Status: http.StatusGone, Code: "forgotten", Message: err.Error()}
	}
	if message.IsInput(err) {
		return &Error{Status: http.StatusBadRequest, Code: "bad_value", Message: err.Error()}
	}
	if ping := e.Ping(ctx); ping != nil {
		e.Log.Error("the database cannot be reached", Logged(ctx), zap.Error(ping))
		return &Error{
			Status: http.StatusServiceUnavailable, Code: "unavailable", Retry: 5,
			Message: "the database cannot be reached; nothing was stored, send it again",
		}
	}
	e.Log.Error("the store failed", zap.String("route", route), Logged(ctx), zap.Error(err))
	return &Error{
		Status: http.StatusInternalServerError, Code: "internal",
		Message: "the store failed; nothing was stored, and the log has the reason",
	}
}
