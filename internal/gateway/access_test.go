package gateway

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
)

// anyoneMay lists, beside their method, the routes that need no permission, and what a stranger gets there.
var anyoneMay = map[string]int{
	"GET /login":              http.StatusOK,
	"POST /login":             http.StatusUnauthorized,
	"GET /login/oidc":         http.StatusNotFound, // there is no provider in this house
	"GET /login/callback":     http.StatusNotFound,
	"POST /login/backchannel": http.StatusNotFound,
	"GET /static/style.css":   http.StatusOK,
	"GET /web-push/page.js":   http.StatusNotFound, // it has no key
	"GET /web-push/worker.js": http.StatusNotFound,
	"GET /p/{token}":          http.StatusNotFound,
	"POST /p/{token}":         http.StatusNotFound,
	"GET /confirm/{token}":    http.StatusNotFound,
	"POST /confirm/{token}":   http.StatusNotFound,
	"GET /u/{token}":          http.StatusNotFound,
	"POST /u/{token}":         http.StatusNotFound,
	"GET /t/{token}":          http.StatusNotFound,
	"GET /o/{token}":          http.StatusNotFound,
	// There is no provider in this house; where there is one, its signature is the permission.
	"GET /v1/providers/{name}":  http.StatusNotFound,
	"POST /v1/providers/{name}": http.StatusNotFound,
	"GET /healthz":              http.StatusOK,
	"GET /readyz":               http.StatusOK,
	"GET /v1/openapi.yaml":      http.StatusOK,
}

// TestEveryRouteRequiresCredentials walks every route: who gives no permission, or a wrong one, reads nothing and changes nobody.
func TestEveryRouteRequiresCredentials(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) {
		c.DevHandlers = map[string]http.Handler{"GET /dev/mail": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("ana@example.com"))
		})}
	})
	h.call("/v1/identify", `{"userId":"ana","traits":{"email":"ana@example.com","first_name":"Anastasia"}}`)
	before, stored := h.customer("ana"), h.stored()
	bodies := map[string]string{
		api.Enroll.Path: `{"journey":"j","customer":"ana"}`, api.PauseJourney.Path: `{"journey":"j","paused":true}`,
	}
	routes := h.g.routes()
	if len(routes) < 30 {
		t.Fatalf("only %d routes", len(routes))
	}
	for _, r := range routes {
		name := r.Method + " " + r.Path
		path := strings.NewReplacer("{$}", "", "{id}", "e1%2Fstep%2F1", "{user}", "ana", "{token}", "AAAA", "{name}", "postmark").
			Replace(r.Path)
		body, ok := bodies[r.Path]
		if !ok {
			body = `{"userId":"ana","event":"X","traits":{"first_name":"Eve"},"previousId":"p",` +
				`"groupId":"g","batch":[{"type":"track","userId":"ana","event":"X"}]}`
		}
		for who, header := range map[string][]string{
			"nobody":       nil,
			"wrong token":  {"Authorization: Bearer wrong-token-0123456789"},
			"empty token":  {"Authorization: Bearer "},
			"wrong basic":  {"Authorization: Basic d3Jvbmc6"},
			"forged login": {"Cookie: tabi_session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
			"a browser":    {"Accept: text/html"},
		} {
			got := h.do(r.Method, path, body, header...)
			want, open := anyoneMay[name]
			switch {
			case got.status == http.StatusTooManyRequests && (who == "wrong token" || name == "POST /login"):
			case open && got.status != want:
				t.Errorf("%s as %s: %d, want %d", name, who, got.status, want)
			case open:
			case got.status == http.StatusSeeOther && strings.HasPrefix(got.header.Get("Location"), "/login"):
			case got.status != http.StatusUnauthorized && got.status != http.StatusForbidden:
				t.Errorf("%s as %s: %d %s", name, who, got.status, got.body)
			}
			for _, secret := range []string{"ana@", "Anastasia", "tabi_events"} {
				if strings.Contains(got.body, secret) {
					t.Errorf("%s as %s reads %q", name, who, secret)
				}
			}
		}
	}
	if after := h.customer("ana"); after.Traits["first_name"] != before.Traits["first_name"] || h.stored() != stored {
		t.Errorf("a stranger changed something: %v, %d events", after.Traits, h.stored())
	}
	if got := h.do("GET", "/dev/mail", "", "Authorization: Bearer "+adminToken); got.status != http.StatusNotFound {
		t.Errorf("/dev exists outside dev: %d", got.status)
	}
}

// TestRoleMatrix calls every route of people and programs as every role, by bearer token: who lacks the permission gets 403, who has
// it does not, and a route without a permission fails.
func TestRoleMatrix(t *testing.T) {
	t.Parallel()
	tokens := map[access.Role]string{}
	h := newHouse(t, func(c *Config) {
		for _, role := range access.Roles {
			tokens[role] = "a-token-of-the-role-" + string(role)
			c.Tokens = append(c.Tokens, auth.Token{Value: tokens[role], Name: string(role), Role: role})
		}
	})
	for _, r := range h.g.routes() {
		if !r.Access.Asks() {
			if r.Needs != "" {
				t.Errorf("%s %s needs %s, and asks nobody for it", r.Method, r.Path, r.Needs)
			}
			continue
		}
		if r.Needs.Allows() == "" {
			t.Errorf("%s %s needs the permission %q, which is not in the table of roles", r.Method, r.Path, r.Needs)
		}
		path := strings.NewReplacer("{$}", "", "{id}", "nobody", "{name}", "nothing").Replace(r.Path)
		for role, token := range tokens {
			got := h.do(r.Method, path, "{}", "Authorization: Bearer "+token, "Content-Type: application/json")
			if forbidden := got.status == http.StatusForbidden; forbidden == role.May(r.Needs) || got.status == http.StatusUnauthorized {
				t.Errorf("%s %s as %s: %d, and the table says %t: %.200s", r.Method, r.Path, role, got.status, role.May(r.Needs), got.body)
			}
		}
	}
}

// TestRoutesByRole: a token opens what its role may, a write key no page, a cookie no admin API.
func TestRoutesByRole(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, c := range []struct {
		token, path string
		status      int
	}{
		{agentToken, "/inbox", 200}, {adminToken, "/inbox", 200}, {serverKey, "/inbox", 401},
		{agentToken, "/metrics", 200}, {adminToken, "/metrics", 200}, {serverKey, "/metrics", 401}, {webKey, "/metrics", 401},
		{agentToken, api.GetCounts.Path, 200},
		{agentToken, api.ListEnrollments.Path, 403}, {agentToken, api.ListRejectedCalls.Path, 403},
		{adminToken, api.GetCounts.Path, 200}, {serverKey, api.GetCounts.Path, 401},
		{agentToken, "/v1/inbox/ana", 401}, {serverKey, "/v1/inbox/ana", 200}, {webKey, "/v1/inbox/ana", 403},
		{agentToken, "/", 200},
	} {
		if got := h.do("GET", c.path, "", "Authorization: Bearer "+c.token); got.status != c.status {
			t.Errorf("%s with %s: %d, want %d", c.path, c.token, got.status, c.status)
		}
	}
	client := h.browser()
	if got := h.post(client, "/login", url.Values{"token": {adminToken}}); got.status != http.StatusSeeOther {
		t.Fatalf("login: %d %s", got.status, got.body)
	}
	if got := h.with(client, "GET", api.GetCounts.Path, strings.NewReader("")); got.status != http.StatusUnauthorized {
		t.Errorf("a cookie opens the admin API: %d", got.status)
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	client := h.browser()
	if got := h.with(client, "GET", "/inbox?queue=a", strings.NewReader(""), "Accept: text/html"); got.status != http.StatusSeeOther ||
		got.header.Get("Location") != "/login?next=%2Finbox%3Fqueue%3Da" {
		t.Errorf("%d %s", got.status, got.header.Get("Location"))
	}
	if got := h.post(client, "/login", url.Values{"token": {"wrong"}, "name": {"Aiko"}}); got.status != http.StatusUnauthorized ||
		!strings.Contains(got.body, "Unknown token") {
		t.Errorf("wrong token: %d", got.status)
	}
	if got := h.post(client, "/login", url.Values{"token": {agentToken}, "name": {" "}}); got.status != http.StatusBadRequest {
		t.Errorf("no name: %d", got.status)
	}
	got := h.post(client, "/login", url.Values{"token": {agentToken}, "name": {"Aiko"}, "next": {"/inbox?queue=a"}})
	cookie := got.header.Get("Set-Cookie")
	if got.status != http.StatusSeeOther || got.header.Get("Location") != "/inbox?queue=a" {
		t.Fatalf("%d %v", got.status, got.header)
	}
	for _, part := range []string{"HttpOnly", "SameSite=Strict", "Path=/"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("the cookie lacks %s: %s", part, cookie)
		}
	}
	if strings.Contains(cookie, agentToken) || strings.Contains(cookie, "Aiko") {
		t.Errorf("the cookie can be read: %s", cookie)
	}
	page := h.with(client, "GET", "/inbox", strings.NewReader(""))
	if page.status != http.StatusOK || !strings.Contains(page.body, "Aiko") {
		t.Fatalf("inbox: %d", page.status)
	}
	for _, header := range []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Origin: null"} {
		if got := h.post(client, "/logout", url.Values{}, header); got.status != http.StatusForbidden {
			t.Errorf("a form with %s: %d", header, got.status)
		}
	}
	if got := h.post(client, "/logout", url.Values{}, "Origin: https://evil.example"); got.status != http.StatusForbidden {
		t.Errorf("a form of another site: %d", got.status)
	}
	if got := h.post(client, "/logout", url.Values{}); got.status != http.StatusSeeOther {
		t.Errorf("logout: %d", got.status)
	}
	if got := h.with(client, "GET", "/inbox", strings.NewReader("")); got.status != http.StatusUnauthorized {
		t.Errorf("after logout: %d", got.status)
	}
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	client := h.browser()
	h.post(client, "/login", url.Values{"token": {agentToken}, "name": {"Aiko"}})
	open := func() int { return h.with(client, "GET", "/inbox", strings.NewReader("")).status }
	if got := open(); got != http.StatusOK {
		t.Fatalf("signed in: %d", got)
	}
	h.g.auth.Tokens[0] = auth.Token{Value: "a new token 0123456789", Role: access.Agent}
	if got := open(); got != http.StatusUnauthorized {
		t.Errorf("the token was withdrawn: %d", got)
	}
	h.g.auth.Tokens[0] = auth.Token{Value: agentToken, Role: access.Agent}
	if got := open(); got != http.StatusUnauthorized {
		t.Errorf("a session came back: %d", got)
	}
}

// The pages link to those of dev that there are, and to the Temporal UI.
func TestDevPagesAreLinked(t *testing.T) {
	t.Parallel()
	none := http.NotFoundHandler()
	for pattern, want := range map[string]bool{"/dev/": true, "GET /dev/mail": true, "GET /dev/push": false} {
		h := newHouse(t, func(c *Config) {
			c.Dev, c.TemporalUI = true, "http://127.0.0.1:8233/namespaces/default/workflows"
			c.DevHandlers = map[string]http.Handler{pattern: none}
		})
		for _, page := range []string{"/", "/inbox"} {
			body := h.do("GET", page, "").body
			if got := strings.Contains(body, `<a href="/dev/mail">Mails</a>`); got != want {
				t.Errorf("%s with %s: mails linked: %t", page, pattern, got)
			}
			if !strings.Contains(body, `<a href="http://127.0.0.1:8233/namespaces/default/workflows">Temporal UI</a>`) {
				t.Errorf("%s does not link to the Temporal UI: %s", page, body)
			}
		}
	}
}

func TestDevRefusesOtherHosts(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) {
		c.Dev, c.Keys, c.Tokens = true, nil, nil
		c.DevHandlers = map[string]http.Handler{"GET /dev/mail/": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("mails"))
		})}
	})
	track := `{"userId":"ana","event":"X"}`
	for _, c := range []struct {
		name, method, path string
		header             []string
		status             int
	}{
		{"no key", "POST", "/v1/track", nil, 200},
		{"any key", "POST", "/v1/track", []string{"Authorization: Bearer whatever"}, 200},
		{"a page of this machine", "POST", "/v1/track", []string{"Origin: http://localhost:3000"}, 200},
		{"a page from elsewhere", "POST", "/v1/track", []string{"Origin: https://evil.example"}, 403},
		{"a sandboxed page", "POST", "/v1/track", []string{"Origin: null"}, 403},
		{"cross-site", "POST", "/v1/track", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"rebinding", "POST", "/v1/track", []string{"Host: evil.example"}, 403},
		{"rebinding on a page", "GET", "/inbox", []string{"Host: evil.example:8080"}, 403},
		{"rebinding on health", "GET", "/healthz", []string{"Host: localhost.evil.example"}, 403},
		{"localhost", "GET", "/inbox", []string{"Host: localhost:8080"}, 200},
		{"its name", "GET", "/inbox", []string{"Host: tabi.localhost:8080"}, 200},
		{"IPv6", "GET", "/inbox", []string{"Host: [::1]:8080"}, 200},
		{"another address", "GET", "/inbox", []string{"Host: 10.0.0.1"}, 403},
		{"dev pages", "GET", "/dev/mail/", nil, 200},
		{"metrics", "GET", "/metrics", nil, 200},
		{"admin", "GET", api.GetCounts.Path, nil, 200},
		{"home", "GET", "/", nil, 200},
	} {
		if got := h.do(c.method, c.path, track, c.header...); got.status != c.status {
			t.Errorf("%s: %d, want %d: %.200s", c.name, got.status, c.status, got.body)
		}
	}
	req, err := http.NewRequestWithContext(context.Background(), "GET", "/inbox", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host, req.RemoteAddr = "localhost", "192.0.2.1:1234"
	if f := h.g.auth.CheckDev(req); f == nil {
		t.Error("a peer of another machine is answered")
	}
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, path := range []string{"/login", "/inbox", "/u/AAAA", "/nothing", "/v1/track"} {
		got := h.do("GET", path, "")
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
		} {
			if got.header.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, got.header.Get(name))
			}
		}
		for _, part := range []string{"default-src 'none'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"} {
			if csp := got.header.Get("Content-Security-Policy"); !strings.Contains(csp, part) || strings.Contains(csp, "unsafe") {
				t.Errorf("%s: CSP %q", path, csp)
			}
		}
		if got.header.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s: HSTS without https", path)
		}
		if got.body != "" && !strings.Contains(got.header.Get("Content-Type"), "charset=utf-8") {
			t.Errorf("%s: Content-Type %q", path, got.header.Get("Content-Type"))
		}
	}
}
