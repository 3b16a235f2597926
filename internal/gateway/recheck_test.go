package gateway

import (
	"context"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
)

var refreshAddress = regexp.MustCompile(`content="0; url=([^"]+)"`)

// asked opens a page as a person does and returns the provider's address at which the browser is sent on; empty: the page is shown.
func (h *house) asked(client *http.Client, path string) string {
	h.t.Helper()
	got := h.with(client, "GET", path, strings.NewReader(""), "Accept: text/html")
	if found := refreshAddress.FindStringSubmatch(got.body); found != nil && strings.Contains(got.body, "still signed in") {
		return html.UnescapeString(found[1])
	}
	if got.status != http.StatusOK {
		h.t.Fatalf("%s: %d %s", path, got.status, got.body)
	}
	return ""
}

func (h *house) sessions() []access.Session {
	h.t.Helper()
	list, err := h.store.Access.Sessions(context.Background(), h.g.Wall(), 10)
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

// TestProviderIsAskedAgain runs on a clock of its own. Whose account is disabled, or who left the groups, is out within the time of a
// check; who is in the building sees nothing of it.
func TestProviderIsAskedAgain(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	change := func(map[string]any) {}
	p.lies = func(claims map[string]any) { claims["email"] = "aiko@example.com"; change(claims) }
	h := withProvider(t, p, func(c *Config) { c.SessionCheck, c.SessionIdle = 15*time.Minute, 30*time.Minute })
	wall := instant
	h.g.Wall = func() time.Time { return wall }
	client := h.browser()
	signIn := func() {
		t.Helper()
		change = func(map[string]any) {}
		if got := h.get(client, p.approve(h.begin(client, "/"))); got.status != http.StatusOK || len(h.sessions()) != 1 {
			t.Fatalf("%d, %d sessions", got.status, len(h.sessions()))
		}
	}
	later := func(d time.Duration) {
		wall = wall.Add(d)
		change = func(claims map[string]any) { claims["exp"] = wall.Add(time.Hour).Unix() }
	}
	signIn()
	id := h.sessions()[0].ID
	later(14 * time.Minute)
	if at := h.asked(client, "/inbox?queue=billing"); at != "" {
		t.Errorf("asked after 14 minutes: %s", at)
	}
	later(time.Minute)
	at := h.asked(client, "/inbox?queue=billing")
	if u, _ := url.Parse(at); u == nil || u.Query().Get("prompt") != "none" || u.Query().Get("login_hint") != "aiko@example.com" {
		t.Fatalf("after 15 minutes: %q", at)
	}
	change = func(claims map[string]any) { claims["groups"] = []string{"vip"} }
	if got := h.get(client, p.approve(at)); !strings.Contains(got.body, `content="0; url=/inbox?queue=billing"`) {
		t.Errorf("confirmed: %d %s", got.status, got.body)
	}
	if at := h.asked(client, "/"); at != "" || h.sessions()[0].ID != id || strings.Join(h.sessions()[0].Groups, " ") != "vip" {
		t.Errorf("after the answer: asked at %q, %+v", at, h.sessions())
	}

	// What is no page that a person opens is taken a while longer.
	later(16 * time.Minute)
	if got := h.post(client, "/sessions/end", url.Values{"others": {"yes"}}); got.status != http.StatusSeeOther {
		t.Errorf("a form after 16 minutes: %d", got.status)
	}
	for range 2 {
		later(14*time.Minute + 30*time.Second)
		h.post(client, "/sessions/end", url.Values{"others": {"yes"}})
	}
	got := h.post(client, "/sessions/end", url.Values{"others": {"yes"}})
	if got.status != http.StatusUnauthorized || len(h.sessions()) != 0 {
		t.Errorf("a form after 45 minutes: %d", got.status)
	}

	// An answer that is no confirmation ends the session, and the person gets where they were after signing in.
	for name, c := range map[string]struct {
		change func(map[string]any)
		answer string
		text   string
	}{
		"disabled":       {nil, "&error=login_required", "Keyhole does not confirm any more"},
		"out of groups":  {func(c map[string]any) { c["groups"] = []string{"sales"} }, "", "none of your groups has a role"},
		"another person": {func(c map[string]any) { c["sub"] = "u-2" }, "", "Somebody else is signed in at Keyhole"},
		"a forged token": {func(c map[string]any) { c["forged"] = true }, "", "cannot be trusted"},
	} {
		wall = instant
		signIn()
		later(15 * time.Minute)
		at := h.asked(client, "/inbox")
		if c.change != nil {
			change = c.change
		}
		got := h.get(client, p.approve(at)+c.answer)
		if got.status != http.StatusForbidden || !strings.Contains(got.body, c.text) || !strings.Contains(got.body, "next=%2finbox") {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		if n := len(h.sessions()); n != 0 || h.get(client, "/inbox").status != http.StatusUnauthorized {
			t.Errorf("%s: %d sessions are left", name, n)
		}
	}
	if lines := strings.Join(h.audited(), "\n"); !strings.Contains(lines, "Aiko () session.sign_in refused: forbidden") {
		t.Errorf("the audit log has none of it:\n%s", lines)
	}
	metrics := h.do("GET", "/metrics", "", "Authorization: Bearer "+adminToken).body
	if strings.Contains(metrics, "tabi_sign_in_failures_total{") {
		t.Error("an answer about a session counts as a failed try to sign in")
	}

	// A link of somebody else ends nothing.
	wall = instant
	signIn()
	later(15 * time.Minute)
	h.asked(client, "/")
	if h.get(client, "/login/callback?error=login_required&state=forged"); len(h.sessions()) != 1 {
		t.Error("an answer without the state ended a session")
	}

	// A provider that is away ends nothing, and is asked again when it is back.
	p.away.Store(true)
	later(6 * time.Second)
	if at := h.asked(client, "/"); at != "" {
		t.Errorf("asked a provider that is away: %s", at)
	}
	p.away.Store(false)
	later(4 * time.Minute)
	if at := h.asked(client, "/"); at != "" {
		t.Errorf("asked again too early: %s", at)
	}
	later(time.Minute)
	if at := h.asked(client, "/"); at == "" {
		t.Error("a provider that is back is not asked")
	}
	h.g.auth.SessionCheck = -1
	if at := h.asked(client, "/"); at != "" {
		t.Error("asked although never is configured")
	}
}

// TestProviderEndsSessions: OpenID Connect Back-Channel Logout 1.0.
func TestProviderEndsSessions(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	who := "u-1 s-1"
	p.lies = func(claims map[string]any) {
		claims["sub"], claims["sid"], _ = strings.Cut(who, " ")
	}
	h := withProvider(t, p, func(c *Config) {
		c.OIDC.Roles = append(c.OIDC.Roles, auth.GroupRole{Group: "support", Role: access.Operator})
	})
	wall := instant
	h.g.Wall = func() time.Time { return wall }
	signIn := func(as string) {
		who = as
		client := h.browser()
		h.get(client, p.approve(h.begin(client, "/")))
	}
	for _, one := range []string{"u-1 s-1", "u-1 s-2", "u-2 s-3"} {
		signIn(one)
	}
	h.post(h.browser(), "/login", url.Values{"token": {adminToken}})
	token := func(change func(map[string]any)) string {
		claims := map[string]any{
			"iss": p.url, "aud": "tabi", "iat": wall.Unix(), "exp": wall.Add(2 * time.Minute).Unix(), "jti": "j", "sub": "u-1",
			"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
		}
		change(claims)
		return p.sign(claims)
	}
	send := func(raw string) answer {
		return h.post(http.DefaultClient, "/login/backchannel", url.Values{"logout_token": {raw}})
	}
	set := func(name string, v any) func(map[string]any) { return func(c map[string]any) { c[name] = v } }
	for name, change := range map[string]func(map[string]any){
		"of an ID token": func(c map[string]any) { delete(c, "events") },
		"with a nonce":   set("nonce", "n"), "of nobody": func(c map[string]any) { delete(c, "sub") }, "forged": set("forged", true),
		"of another client": set("aud", "another"), "of another issuer": set("iss", "https://evil.example"),
		"expired": set("exp", wall.Add(-2*time.Minute).Unix()), "old": set("iat", wall.Add(-time.Hour).Unix()),
		"of the future": set("iat", wall.Add(time.Hour).Unix()), "without a time": func(c map[string]any) { delete(c, "iat") },
	} {
		if got := send(token(change)); got.status != http.StatusBadRequest || len(h.sessions()) != 4 {
			t.Errorf("a token %s: %d, %d sessions", name, got.status, len(h.sessions()))
		}
	}
	wall = wall.Add(2 * time.Minute) // the peer has failed too often
	one := token(func(c map[string]any) { c["sid"] = "s-2" })
	if got := send(one); got.status != http.StatusOK || got.body != "" || len(h.sessions()) != 3 {
		t.Errorf("one session: %d %s, %d are left", got.status, got.body, len(h.sessions()))
	}
	if got := send(token(func(c map[string]any) { delete(c, "sub"); c["sid"] = "s-3" })); got.status != http.StatusOK ||
		len(h.sessions()) != 2 {
		t.Errorf("by the provider's session alone: %d, %d are left", got.status, len(h.sessions()))
	}
	all := token(func(map[string]any) {})
	if got := send(all); got.status != http.StatusOK || len(h.sessions()) != 1 || h.sessions()[0].Way != access.ByToken {
		t.Errorf("all of a person: %d, %v are left", got.status, h.sessions())
	}
	wall = wall.Add(90 * time.Second)
	signIn("u-1 s-4")
	if got := send(all); got.status != http.StatusOK || len(h.sessions()) != 2 {
		t.Errorf("a token that is played again ended a newer session: %d", got.status)
	}
	if lines := strings.Join(h.audited(), "\n"); !strings.Contains(lines, "Keyhole () session.end ok") {
		t.Errorf("the audit log has none of it:\n%s", lines)
	}
}
