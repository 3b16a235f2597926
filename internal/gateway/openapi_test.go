package gateway

import (
	"bytes"
	"context"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

var update = flag.Bool("update", false, "write docs/openapi.yaml")

const openAPIFile = "../../docs/openapi.yaml"

// TestOpenAPIDocumentIsCurrent compares docs/openapi.yaml with what the server's types say: go test ./internal/gateway -run OpenAPI
// -update writes it.
func TestOpenAPIDocumentIsCurrent(t *testing.T) {
	t.Parallel()
	got := newHouse(t, nil).do("GET", "/v1/openapi.yaml", "").body
	if *update {
		if err := os.WriteFile(openAPIFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(openAPIFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("docs/openapi.yaml is not what the server serves; run this test with -update")
	}
}

// openAPI returns docs/openapi.yaml, loaded and valid.
func openAPI(t *testing.T) (*openapi3.T, routers.Router) {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile(openAPIFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatal(err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return doc, router
}

// TestOpenAPIHasEveryRoute: every route for programs is in the document, and the document has no other.
func TestOpenAPIHasEveryRoute(t *testing.T) {
	t.Parallel()
	doc, _ := openAPI(t)
	described := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			described[method+" "+path] = true
		}
	}
	short := []string{"/v1/t", "/v1/i", "/v1/p", "/v1/s", "/v1/a", "/v1/g", "/v1/b", "/v1/openapi.yaml"}
	for _, r := range newHouse(t, nil).g.routes() {
		name := r.Method + " " + r.Path
		switch {
		case !strings.HasPrefix(r.Path, "/v1/"), slices.Contains(short, r.Path):
		case !described[name]:
			t.Errorf("docs/openapi.yaml lacks %s", name)
		default:
			if admin := strings.HasPrefix(r.Path, "/v1/admin/"); admin != (r.Access == web.Program) {
				t.Errorf("%s: access %d", name, r.Access)
			}
			delete(described, name)
		}
	}
	for name := range described {
		t.Errorf("docs/openapi.yaml has %s, which is not served", name)
	}
}

// TestResponsesMatchOpenAPI sends requests through the server, and checks them and their answers against docs/openapi.yaml. Bad
// requests must be refused by both.
func TestResponsesMatchOpenAPI(t *testing.T) {
	t.Parallel()
	openapi3filter.RegisterBodyDecoder("message/rfc822", openapi3filter.PlainBodyDecoder)
	doc, router := openAPI(t)
	h := chatting(t)
	_, ref := h.enter()
	h.sent(ref, "email", message.Settlement{Status: contract.StatusSent})
	// Those of payloads have keys. The tests of decisions have actions to choose from, those of the inbox a hand-off, those of doors
	// refused calls, TestSplitCustomer a merge, TestForgetCustomer a customer who was forgotten.
	called := map[string]bool{"decide": true, "explainDecision": true, "actOnHandoff": true, "getRejectedCall": true,
		"splitCustomer": true, "decodePayloads": true, "encodePayloads": true,
		"getForget": true, "rememberCustomer": true}
	for _, c := range contractCalls {
		method, path, _ := strings.Cut(c.call, " ")
		req := httptest.NewRequest(method, path, strings.NewReader(c.body))
		token := serverKey
		if strings.HasPrefix(path, "/v1/admin/") {
			token = adminToken
		}
		req.Header.Set("Authorization", "Bearer "+token)
		if c.body != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		if strings.HasPrefix(path, "/v1/mail/bounces") {
			req.Header.Set("Content-Type", "message/rfc822")
		}
		route, params, err := router.FindRoute(req)
		if err != nil {
			t.Errorf("%s: %v", c.call, err)
			continue
		}
		input := &openapi3filter.RequestValidationInput{
			Request: req, PathParams: params, Route: route,
			Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
		}
		err = openapi3filter.ValidateRequest(context.Background(), input)
		if valid := c.status != http.StatusBadRequest; valid != (err == nil) {
			t.Errorf("%s %s: the contract says %v, want status %d", c.call, c.body, err, c.status)
		}
		req.Body = io.NopCloser(strings.NewReader(c.body))
		rec := httptest.NewRecorder()
		h.g.Handler().ServeHTTP(rec, req)
		if rec.Code != c.status {
			t.Errorf("%s %s: %d %s, want %d", c.call, c.body, rec.Code, rec.Body, c.status)
		}
		err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
			RequestValidationInput: input, Status: rec.Code, Header: rec.Header(), Body: io.NopCloser(bytes.NewReader(rec.Body.Bytes())),
			Options: &openapi3filter.Options{IncludeResponseStatus: true},
		})
		if err != nil {
			t.Errorf("%s: the answer %s is not in the contract: %v", c.call, rec.Body, err)
		}
		if rec.Code == http.StatusOK {
			called[route.Operation.OperationID] = true
		}
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if !called[op.OperationID] {
				t.Errorf("no request of this test succeeds at %s %s", method, path)
			}
		}
	}
}

// contractCalls are the requests of TestResponsesMatchOpenAPI, in order, with the status that each gets.
var contractCalls = []struct {
	call, body string
	status     int
}{
	{"POST /v1/track", `{"userId":"ana/b","event":"X","properties":{"a":[1,{"b":null}]},"messageId":"c1"}`, 200},
	{"POST /v1/track", `{"userId":"ana/b","event":"X","properties":"x"}`, 400},
	{"GET /v1/admin/sessions?limit=1", "", 200},
	{"GET /v1/admin/customers/ana%2Fb/export", "", 200},
	{"GET /v1/admin/customers/nobody/export", "", 404},
	{"POST /v1/admin/customers/ana%2Fb/forget", `{"reason":"ticket 1","dry_run":true}`, 200},
	{"POST /v1/admin/customers/ana%2Fb/forget", `{"dry_run":true}`, 400},
	{"POST /v1/admin/customers/nobody/remember", "", 404},
	{"GET /v1/admin/forget-requests?limit=1", "", 200},
	{"GET /v1/admin/forget-requests/none", "", 404},
	{"POST /v1/admin/sessions/end", `{"all":true}`, 200},
	{"POST /v1/admin/sessions/end", `{"subject":7}`, 400},
	{"POST /v1/identify", `{"anonymousId":7,"traits":{"first_name":"Ana"}}`, 200},
	{"POST /v1/page", `{"userId":"ana/b","name":"Home"}`, 200},
	{"POST /v1/screen", `{"userId":"ana/b","name":"Home"}`, 200},
	{"POST /v1/alias", `{"userId":"ana/b","previousId":"a7"}`, 200},
	{"POST /v1/group", `{"userId":"ana/b","groupId":"acme"}`, 200},
	{"POST /v1/batch", `{"batch":[{"type":"track","userId":"ana/b","event":"X"}],"sentAt":"2026-03-02T10:00:00Z"}`, 200},
	{"POST /v1/batch", `{"batch":[]}`, 200},
	{"POST /v1/batch", `{"batch":{"a":1}}`, 400},
	{"GET /v1/admin/rejected-calls?door=http&limit=2", ``, 200},
	{"GET /v1/admin/rejected-calls/none", ``, 404},
	{"GET /v1/admin/backlogs?limit=2", ``, 200},
	{"POST /v1/admin/customers/ana%2Fb/drop-backlog", ``, 200},
	{"POST /v1/admin/customers/nobody/drop-backlog", ``, 404},
	{"POST /v1/admin/rejected-calls/drop", ``, 200},
	{"POST /v1/decide", `{"userId":"ana/b","group":"nothing"}`, 404},
	{"POST /v1/decide", `{"userId":"ana/b","slots":"two"}`, 400},
	{"GET /v1/inbox/ana?limit=5", "", 200},
	{"GET /v1/inbox/ana?limit=500", "", 400},
	{"POST /v1/inbox/ana/token", "", 200},
	{"POST /v1/mail/bounces?recipient=bounces@example.com", "Subject: Automatic reply: Hello\nAuto-Submitted: auto-replied\n\nAway\n", 200},
	{"POST /v1/mail/bounces", "Subject: Hello\n\nNews\n", 422},
	{"POST /v1/providers/fake", `[]`, 200},
	{"POST /v1/line/link", `{"userId":"ana/b","lineId":"U4af4980629f0a1b2c3d4e5f60718293a"}`, 200},
	{"POST /v1/line/link", `{"userId":"ana/b","lineId":"@ana"}`, 400},
	{"POST /v1/providers/fake", `not signed`, 401},
	{"POST /v1/providers/nobody", `[]`, 404},
	{"GET /v1/providers/fake?hub.challenge=1158201444", "", 200},
	{"POST /v1/mail/events", `[{"type":"open","key":"another/senders/1"}]`, 200},

	{"POST /v1/admin/enrollments", `{"journey":"apology","customer":"ben","properties":{"order":"o2"},"id":"s1"}`, 200},
	{"POST /v1/admin/enrollments", `{"journey":"nothing","customer":"ben"}`, 404},
	{"POST /v1/admin/enrollments", `{"journey":"apology","customer":"ben"}`, 409},
	{"POST /v1/admin/enrollments", `{"journey":"apology"}`, 400},
	{"POST /v1/admin/enrollments", `{"journey":"apology","customer":"ben","colour":"red"}`, 400},
	{"POST /v1/admin/enrollments", `{"journey":7,"customer":"ben"}`, 400},
	{"GET /v1/admin/enrollments?journey=apology&state=open&limit=1", "", 200},
	{"GET /v1/admin/enrollments?state=odd", "", 400},
	{"GET /v1/admin/enrollments?limit=0", "", 400},
	{"GET /v1/admin/enrollments/apology%2Fben", "", 200},
	{"GET /v1/admin/enrollments/apology%2Fnobody", "", 404},
	{"POST /v1/admin/enrollments/apology%2Fben/commands", `{"kind":"pause","reason":"asked by phone"}`, 200},
	{"POST /v1/admin/enrollments/apology%2Fben/commands", `{"kind":"explode"}`, 400},
	{"POST /v1/admin/pause", `{"journey":"apology","paused":true}`, 200},
	{"POST /v1/admin/pause", `{"paused":true}`, 400},
	{"POST /v1/admin/restart", `{"journey":"apology","dry_run":true}`, 200},
	{"POST /v1/admin/restart", `{"journey":"away"}`, 503},
	{"POST /v1/admin/restart", `{"since":"yesterday"}`, 400},
	{"POST /v1/admin/keys", `{"name":"shop","kind":"web","events":["A"],"expires_in":3600}`, 200},
	{"POST /v1/admin/keys", `{"name":"shop","kind":"server"}`, 409},
	{"POST /v1/admin/keys", `{"name":"shop","kind":"root"}`, 400},
	{"GET /v1/admin/keys?all=true", "", 200},
	{"POST /v1/admin/keys/shop/rotate", `{"overlap":0}`, 200},
	{"POST /v1/admin/keys/shop/rotate", `{"overlap":-1}`, 400},
	{"POST /v1/admin/keys/shop/revoke", "", 200},
	{"POST /v1/admin/keys/shop/revoke", "", 404},
	{"GET /v1/admin/counts", "", 200},
	{"GET /v1/admin/journeys/apology", "", 200},
	{"GET /v1/admin/journeys/nothing", "", 404},
	{"GET /v1/admin/step-counts", "", 200},
	{"GET /v1/admin/step-counts?journey=nothing", "", 404},
	{"POST /v1/admin/migrations", `{"journey":"apology","renamed":{"a":"note"},"dry_run":true,"limit":10}`, 200},
	{"POST /v1/admin/migrations", `{"journey":"apology","limit":1001}`, 400},
	{"GET /v1/admin/migrations?journey=apology", "", 200},
	{"GET /v1/admin/migrations", "", 400},
	{"POST /v1/admin/customers/nobody/split", `{"anonymous_id":"d1"}`, 404},
	{"POST /v1/admin/customers/ana%2Fb/split", `{"anonymous_id":"d1"}`, 404},
	{"GET /v1/admin/handoffs?state=claimed&limit=2", "", 200},
	{"GET /v1/admin/handoffs?state=lost", "", 400},
	{"POST /v1/admin/handoffs/none/acts", `{"kind":"release"}`, 404},
	{"POST /v1/admin/handoffs/none/acts", `{"kind":"dance"}`, 400},
	{"GET /v1/admin/dead-letters?limit=2", "", 200},
	{"GET /v1/admin/dead-letters?limit=none", "", 400},
	{"POST /v1/track", `{"userId":"ana/b","event":"Email Bounced","properties":{"type":"hard","address":"ana@example.com"}}`, 200},
	{"GET /v1/admin/addresses?state=dead&limit=1", "", 200},
	{"GET /v1/admin/addresses?state=lost", "", 400},
	{"GET /v1/admin/messages/sorry/samples/ana%2Fb", "", 200},
	{"GET /v1/admin/messages/sorry/samples/nobody", "", 404},
	{"POST /v1/admin/messages/sorry/tests",
		`{"request":"r1","to":["me@testers.example"],"channel":"email","fields":{"subject":"Sorry","html":"<p>Sorry</p>"}}`, 200},
	{"POST /v1/admin/messages/sorry/tests", `{"request":"r1","to":["eve@example.com"],"channel":"email","fields":{"subject":"x"}}`, 403},
	{"POST /v1/admin/messages/sorry/tests", `{"request":"r1","to":[],"channel":"email","fields":{"subject":"x"}}`, 400},
	{"POST /v1/admin/addresses/revive", `{"address":"ANA@example.com"}`, 200},
	{"POST /v1/admin/addresses/revive", `{"address":"eve@example.com"}`, 404},
	{"POST /v1/admin/dead-letters/retry", `{"all":true}`, 200},
	{"POST /v1/admin/dead-letters/retry", `{"workflow_id":"apology/nobody"}`, 404},
	{"POST /v1/admin/dead-letters/drop", `{"all":true}`, 200},
	{"GET /v1/admin/decide?customer=ana%2Fb&group=nothing", "", 404},
	{"GET /v1/admin/decide?group=nothing", "", 400},
	{"GET /v1/admin/report?since=7d", "", 200},
	{"GET /v1/admin/results/messages?since=7d&window=2d", "", 200},
	{"GET /v1/admin/results/messages?format=xml", "", 400},
	{"GET /v1/admin/results/messages/sorry", "", 200},
	{"GET /v1/admin/results/messages/sorry?format=csv", "", 200},
	{"GET /v1/admin/results/messages/nothing", "", 404},
	{"GET /v1/admin/results/channels?since=all", "", 200},
	{"GET /v1/admin/results/journeys/apology/splits", "", 200},
	{"GET /v1/admin/results/journeys/apology/splits?format=csv", "", 200},
	{"GET /v1/admin/results/journeys/nothing/splits", "", 404},
	{"GET /v1/admin/audit?customer=ana&what=customer.*&limit=2", "", 200},
	{"GET /v1/admin/audit?order=oldest&limit=1", "", 200},
}
