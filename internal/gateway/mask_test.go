package gateway

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
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
