package adminapi

import (
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tabi-journeys/tabi/internal/api"
)

// describePublic adds the public endpoints to the document. Their handlers read requests themselves: the tracking API is as
// lenient as Segment's.
func (h *Handlers) describePublic() {
	writeKey := []map[string][]string{{"writeKey": {}}, {"bearer": {}}}
	user := &huma.Param{Name: "user", In: "path", Required: true, Schema: &huma.Schema{Type: "string"}}
	for _, kind := range []string{"track", "identify", "page", "screen", "alias", "group"} {
		h.describe(http.MethodPost, "/v1/"+kind, kind, "Accept one "+kind+" call of Segment's tracking API", writeKey,
			reflect.TypeFor[api.SegmentCall](), reflect.TypeFor[api.Accepted]())
	}
	h.describe(http.MethodPost, "/v1/batch", "batch", "Accept up to 1000 calls of Segment's tracking API, all or none", writeKey,
		reflect.TypeFor[api.SegmentBatch](), reflect.TypeFor[api.Accepted]())
	h.describe(http.MethodPost, "/v1/decide", "decide", "Decide the next best actions for a customer who is here",
		[]map[string][]string{{"bearer": {}}}, reflect.TypeFor[api.DecideRequest](), reflect.TypeFor[api.DecideResponse]())
	h.describe(http.MethodGet, "/v1/inbox/{user}", "listAppMessages", "List the app channel's messages to a user, newest first",
		[]map[string][]string{{"bearer": {}}}, nil, reflect.TypeFor[api.AppMessages](), user,
		&huma.Param{Name: "limit", In: "query", Schema: &huma.Schema{Type: "integer", Minimum: ptr(1.0), Maximum: ptr(200.0), Default: 50}})
	h.describe(http.MethodPost, "/v1/inbox/{user}/token", "createUserToken", "Create a token with which an app reads its user's messages",
		writeKey, nil, reflect.TypeFor[api.UserToken](), user)
	h.describe(http.MethodPost, "/v1/line/link", "linkLineAccount", "Link a user of LINE with a user who has signed in", writeKey,
		reflect.TypeFor[api.LineLinkRequest](), reflect.TypeFor[api.LineLinkResponse]())
	h.describe(http.MethodPost, "/v1/mail/events", "reportMailEvents", "Accept reports of a mail provider, one or a list", writeKey,
		reflect.TypeFor[api.MailReports](), reflect.TypeFor[api.MailEventsResponse]())
	mail := h.describe(http.MethodPost, "/v1/mail/bounces", "reportBouncedMail", "Accept a mail that reports a bounce or a complaint",
		writeKey, reflect.TypeFor[string](), reflect.TypeFor[api.MailEventsResponse](),
		&huma.Param{Name: "recipient", In: "query", Schema: &huma.Schema{Type: "string"}})
	mail.RequestBody.Content = map[string]*huma.MediaType{"message/rfc822": {Schema: &huma.Schema{Type: "string"}}}
	none := []map[string][]string{{}}
	name := &huma.Param{Name: "name", In: "path", Required: true, Schema: &huma.Schema{Type: "string"}}
	reports := h.describe(http.MethodPost, "/v1/providers/{name}", "reportByProvider",
		"Accept reports of a provider in its own language; its signature is the permission", none,
		nil, reflect.TypeFor[api.MailEventsResponse](), name)
	challenge := &huma.MediaType{Schema: &huma.Schema{Type: "string"}}
	reports.Responses["200"].Content["text/plain"] = challenge
	verifies := h.describe(http.MethodGet, "/v1/providers/{name}", "verifyProvider",
		"Answer the challenge of a provider that verifies the address", none, nil, reflect.TypeFor[api.MailEventsResponse](), name)
	verifies.Responses["200"].Content["text/plain"] = challenge
	bearer := []map[string][]string{{"bearer": {}}}
	namespace := &huma.Param{Name: "X-Namespace", In: "header", Schema: &huma.Schema{Type: "string"}}
	h.describe(http.MethodPost, "/v1/codec/decode", "decodePayloads", "Decrypt payloads of Temporal, as a codec server does", bearer,
		reflect.TypeFor[api.Payloads](), reflect.TypeFor[api.Payloads](), namespace)
	h.describe(http.MethodPost, "/v1/codec/encode", "encodePayloads", "Encrypt payloads of Temporal, as a codec server does", bearer,
		reflect.TypeFor[api.Payloads](), reflect.TypeFor[api.Payloads](), namespace)
}

func (h *Handlers) describe(
	method, path, id, summary string, security []map[string][]string, in, out reflect.Type, params ...*huma.Param,
) *huma.Operation {
	content := func(t reflect.Type, hint string) map[string]*huma.MediaType {
		return map[string]*huma.MediaType{"application/json": {Schema: h.doc.Components.Schemas.Schema(t, true, hint)}}
	}
	op := &huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"public"}, Security: security, Parameters: params,
		Responses: map[string]*huma.Response{
			"200":     {Description: "OK", Content: content(out, id+"Response")},
			"default": {Description: "Error", Content: content(reflect.TypeFor[api.Problem](), "Problem")},
		},
	}
	for _, status := range []int{http.StatusBadRequest, http.StatusUnauthorized} {
		op.Responses[strconv.Itoa(status)] = op.Responses["default"]
	}
	if in != nil {
		op.RequestBody = &huma.RequestBody{Required: true, Content: content(in, id+"Request")}
	}
	h.doc.AddOperation(op)
	return op
}

func ptr[T any](v T) *T { return &v }
