package adminapi

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/tolerant"
)

// huma reads the form of errors, and whether arrays may be null, from package variables.
func init() {
	huma.NewError = newProblem
	huma.DefaultArrayNullable = false
}

// problem is an error in the form that huma writes.
type problem struct {
	api.Problem
	err *web.Error
}

func (p *problem) Error() string  { return p.err.Message }
func (p *problem) GetStatus() int { return p.err.Status }

// GetHeaders returns the headers that belong to the error.
func (p *problem) GetHeaders() http.Header {
	h := http.Header{}
	p.err.Header(h)
	return h
}

func asProblem(e *web.Error) *problem {
	return &problem{api.Problem{Error: api.ProblemDetail{Code: e.Code, Message: e.Message, Field: e.Field}}, e}
}

// problem converts what a handler returned.
func (h *Handlers) problem(ctx context.Context, route string, err error) error {
	var known *web.Error
	if !errors.As(err, &known) {
		known = h.StoreErrorAt(ctx, route, err)
	}
	audit.Of(ctx).Because(known.Code)
	return asProblem(known)
}

// newProblem converts the errors that huma found in a request. The message lists all of them. Code and field are those of the
// first error, or of an unknown key, which often explains a missing one.
func newProblem(status int, message string, details ...error) huma.StatusError {
	out := &web.Error{Status: status, Code: "bad_value", Message: message}
	if status == http.StatusUnprocessableEntity {
		out.Status = http.StatusBadRequest
	}
	var messages []string
	for _, detail := range details {
		var d *huma.ErrorDetail
		if !errors.As(detail, &d) {
			messages = append(messages, detail.Error())
			continue
		}
		code, field, text := explain(status, d)
		if len(messages) == 0 || code == "unknown_key" {
			out.Code, out.Field = code, field
		}
		messages = append(messages, text)
	}
	if len(messages) > 0 {
		out.Message = strings.Join(messages, "; ")
	}
	if status == http.StatusBadRequest && len(details) == 0 && strings.Contains(message, "body") {
		out.Code, out.Message = "malformed_json", "malformed JSON: the body is empty"
	}
	return asProblem(out)
}

// explain returns the code, the field and the text of one detail.
func explain(status int, d *huma.ErrorDetail) (code, field, text string) {
	_, field, _ = strings.Cut(d.Location, ".") // body.journey, query.limit
	field = tolerant.Top(field)
	named := func(name string) string {
		if field == "" {
			return name
		}
		return field + "." + name
	}
	if name, ok := strings.CutPrefix(d.Message, "expected required property "); ok {
		field = named(strings.TrimSuffix(name, " to be present"))
		return "missing", field, field + " is missing"
	}
	switch d.Message {
	case "unexpected property", "unknown query parameter":
		return "unknown_key", field, "no such key: " + field
	case "expected length >= 1", "required query parameter is missing":
		return "missing", field, field + " is missing or empty"
	}
	if status == http.StatusBadRequest && field == "" {
		return "malformed_json", "", "malformed JSON: " + d.Message
	}
	if field == "" {
		return "bad_value", "", d.Message
	}
	return "bad_value", field, field + ": " + d.Message
}
