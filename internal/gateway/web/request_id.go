package web

import (
	"context"
	"net/http"
	"regexp"

	"github.com/google/uuid"
	"go.uber.org/zap"
)

// RequestIDHeader names a request: in the request, in its response, in errors, and in what the gateway logs about it.
const RequestIDHeader = "X-Request-Id"

// saneID is a request id that a caller or a proxy may choose. It goes to logs, so it has no spaces, quotes or control characters.
var saneID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/+=-]{0,127}$`)

type requestKey struct{}

// Identified returns the request with its id in the context: that of its header, or a new one. It also sets the response's header.
func Identified(w http.ResponseWriter, r *http.Request) *http.Request {
	id := r.Header.Get(RequestIDHeader)
	if !saneID.MatchString(id) {
		id = uuid.NewString()
	}
	w.Header().Set(RequestIDHeader, id)
	return r.WithContext(context.WithValue(r.Context(), requestKey{}, id))
}

// RequestID returns the id of the request that a context belongs to; empty where it belongs to none.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// Logged is the field of a log entry about a request.
func Logged(ctx context.Context) zap.Field {
	if id := RequestID(ctx); id != "" {
		return zap.String("request_id", id)
	}
	return zap.Skip()
}
