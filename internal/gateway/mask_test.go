package gateway

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/handoff"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// TestPersonalDataByRole: roles without customers.personal see no value, and agents of queues nobody else's customers.
func TestPersonalDataByRole(t *testing.T) {
	t.Parallel()
	bearer := func(name string) string { return "Authorization: Bearer a-token-of-" + name }
	h := newHouse(t, func(c *Config) {
		roles := map[string]access.Role{"reader-000": access.Reader, "designer-0": access.Designer, "operator-0": access.Operator}
		for name, role := range roles {
			c.Tokens = append(c.Tokens, auth.Token{Value: "a-token-of-" + name, Name: name, Role: role})
		}
		c.Tokens = append(c.Tokens, auth.Token{Value: "a-token-of-others-00", Name: "Bo", Role: access.Agent, Queues: []string{"nobody's"}})
	})
	id, _ := h.handoff()
	h.call("/v1/identify", `{"userId":"ana/b","traits":{"first_name":"CANARY1","email":"canary2@example.com","plan":"CANARY3"}}`)
	h.call("/v1/track", `{"userId":"ana/b","event":"Written","properties":{"text":"CANARY4"}}`)
	for _, name := range []string{"reader-000", "designer-0"} {
		got := h.do("GET", "/customers/ana%2Fb", "", bearer(name))
		if got.status != http.StatusOK || strings.Contains(strings.ToLower(got.body), "canary") || !strings.Contains(got.body, "•••") {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if got := h.do("GET", "/customers/ana%2Fb", "", bearer("operator-0")); !strings.Contains(got.body, "CANARY4") {
		t.Errorf("an operator sees a mask: %d", got.status)
	}
	page := "/inbox/" + url.PathEscape(id)
	for _, call := range []string{"GET /customers/ana%2Fb", "GET " + page, "POST " + page + "/claim", "POST " + page + "/take-over",
		"POST " + page + "/release", "POST " + page + "/resolve"} {
		method, path, _ := strings.Cut(call, " ")
		got := h.do(method, path, "outcome=refunded", bearer("others-00"), "Content-Type: application/x-www-form-urlencoded")
		if got.status != http.StatusForbidden || strings.Contains(got.body, "CANARY") {
			t.Errorf("%s by an agent of another queue: %d", call, got.status)
		}
	}
	if got := h.do("GET", "/inbox", "", bearer("others-00")); got.status != http.StatusOK || strings.Contains(got.body, "ana/b") {
		t.Errorf("the inbox of another queue: %d %s", got.status, got.body)
	}
}

// TestNoCanaryLeaves plants personal data wherever a customer, an agent or an operator can write it, and walks every route that answers
// a GET as each role that must not see it.
func TestNoCanaryLeaves(t *testing.T) {
	t.Parallel()
	blind := map[string]auth.Token{
		"reader":                 {Value: "a-token-of-reader-0000", Name: "Rea", Role: access.Reader},
		"designer":               {Value: "a-token-of-designer-00", Name: "Dot", Role: access.Designer},
		"agent of another queue": {Value: "a-token-of-others-0000", Name: "Bo", Role: access.Agent, Queues: []string{"nobody's", "quiet"}},
	}
	h := newHouse(t, func(c *Config) {
		for _, token := range blind {
			c.Tokens = append(c.Tokens, token)
		}
	})
	id, ref := h.handoff()
	const words = "canary"
	h.call("/v1/identify", `{"userId":"ana/b","traits":{"email":"canary2@example.com","phone":"+49301canary","deep":{"list":["canary"]}}}`)
	h.call("/v1/track", `{"userId":"ana/b","event":"Written","properties":{"order":"canary","deep":{"list":["canary"]}}}`)
	h.call("/v1/track", `{"userId":"ana/b","event":"`+journey.MessageReceived+`","properties":{"text":"canary","channel":"email"}}`)
	h.call("/v1/track", `{"userId":"ana/b","event":"","properties":{"text":"canary"}}`) // is refused, and kept
	walk := func() {
		t.Helper()
		seen := false
		for _, r := range h.g.routes() {
			if r.Method != http.MethodGet {
				continue
			}
			of := map[bool]string{true: url.PathEscape(id), false: "ana%2Fb"}[strings.HasPrefix(r.Path, "/inbox")]
			if strings.HasPrefix(r.Path, "/v1/admin/enrollments") {
				of = "apology%2Fana%252Fb"
			}
			path := strings.NewReplacer("{$}", "", "{id}", of, "{name}", "apology", "{user}", "ana%2Fb", "{token}", "AAAA").Replace(r.Path)
			for _, query := range []string{"", "?customer=ana%2Fb", "?state=resolved", "?journey=apology", "?id=ana%2Fb"} {
				for who, token := range blind {
					got := h.do(r.Method, path+query, "", "Authorization: Bearer "+token.Value, "Accept: text/html")
					if strings.Contains(got.body, words) {
						t.Errorf("%s%s as %s: %s", path, query, who, got.body)
					}
				}
			}
			got := h.do(r.Method, path, "", "Authorization: Bearer "+adminToken)
			seen = seen || strings.Contains(got.body, words)
		}
		if !seen {
			t.Error("an administrator sees no canary: the test plants none")
		}
	}
	walk()
	if err := h.store.Handoffs.Resolve(t.Context(), instant, id, "Kim", "canary", "canary", handoff.AsAgent); err != nil {
		t.Fatal(err)
	}
	// What a provider answers, and what an operator writes, may quote a customer too.
	h.sent(ref, "email", message.Settlement{Status: contract.StatusFailed, Reason: "550 5.1.1 <canary2@example.com> unknown"})
	if err := h.store.Enrollments.Report(t.Context(), instant, contract.Report{
		Ref: ref, Seq: 1,
		Passed: []contract.StepVisit{
			{Step: "note", Kind: "send", Visit: 1, At: instant}, {Step: "call", Kind: "handoff", Visit: 1, At: instant, Arm: "canary"},
		},
	}); err != nil {
		t.Fatal(err)
	}
	h.g.Wall = func() time.Time { return instant.Add(time.Minute) } // numbers are kept for seconds
	walk()
	for path, want := range map[string]string{
		"/journeys/apology": "canary", "/customers/ana%2Fb": "550 5.1.1", "/v1/admin/journeys/apology": `"canary":1`,
	} {
		if got := h.do("GET", path, "", "Authorization: Bearer "+adminToken); !strings.Contains(got.body, want) {
			t.Errorf("%s shows an administrator no %q: %s", path, want, got.body)
		}
	}

	// An agent of other queues does not find out who exists.
	other := "Authorization: Bearer " + blind["agent of another queue"].Value
	for _, paths := range [][2]string{
		{"/customers/ana%2Fb", "/customers/nobody"}, {"/inbox/" + url.PathEscape(id), "/inbox/none"},
	} {
		known, unknown := h.do("GET", paths[0], "", other), h.do("GET", paths[1], "", other)
		if known.status != unknown.status || known.body != unknown.body {
			t.Errorf("%s: %d %s\n%s: %d %s", paths[0], known.status, known.body, paths[1], unknown.status, unknown.body)
		}
	}
	find := func(text string) answer {
		return h.post(http.DefaultClient, "/customers", url.Values{"id": {text}}, other)
	}
	for known, unknown := range map[string]string{"ana/b": "nobody", "canary2@example.com": "canary3@example.com"} {
		one, two := find(known), find(unknown)
		if one.status != http.StatusNotFound || one.status != two.status || strings.ReplaceAll(one.body, known, unknown) != two.body {
			t.Errorf("a search for %s: %d %s\nfor %s: %d %s", known, one.status, one.body, unknown, two.status, two.body)
		}
	}

	// However many wait in other queues, an agent sees those of their own.
	open := func(n int, queue, priority string) {
		err := h.store.Handoffs.Open(t.Context(), instant.Add(-time.Hour), contract.OpenHandoff{
			Ref: ref, ID: fmt.Sprint(ref.Enrollment, "/call/", n), Step: "call", Spec: journey.Handoff{Queue: queue, Priority: priority},
		}, "")
		if err != nil {
			t.Fatal(err)
		}
	}
	for n := range 501 {
		open(n+2, "loud", "urgent")
	}
	open(1000, "quiet", "low")
	if got := h.do("GET", "/inbox", "", other); !strings.Contains(got.body, "call%2F1000") || strings.Contains(got.body, "loud") {
		t.Errorf("the inbox of a quiet queue: %s", got.body)
	}

	// What an operator writes of a cancellation. The agent has a hand-off of the customer now, so may see it.
	delete(blind, "agent of another queue")
	if err := h.store.Enrollments.Report(t.Context(), instant, contract.Report{
		Ref: ref, Seq: 2,
		Ended: &contract.Ended{Outcome: contract.Cancelled, Reason: "cancelled by Olga: canary asked by phone", At: instant},
	}); err != nil {
		t.Fatal(err)
	}
	h.g.Wall = func() time.Time { return instant.Add(2 * time.Minute) }
	walk()
	got := h.do("GET", "/v1/admin/enrollments/apology%2Fana%252Fb", "", "Authorization: Bearer "+adminToken)
	if !strings.Contains(got.body, "canary asked by phone") {
		t.Errorf("the reason is hidden from an administrator: %s", got.body)
	}
}
