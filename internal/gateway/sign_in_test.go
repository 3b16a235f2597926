package gateway

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
)

// withProvider opens a house where people sign in by p.
func withProvider(t *testing.T, p *fakeProvider, change func(*Config)) *house {
	t.Helper()
	return newHouse(t, func(c *Config) {
		c.OIDC = &auth.OIDC{
			Issuer: p.url, ClientID: "tabi", ClientSecret: "s", Label: "Keyhole",
			Roles: []auth.GroupRole{
				{Group: "support", Role: access.Agent, Queues: []string{"billing"}},
				{Group: "vip", Role: access.Agent, Queues: []string{"vip"}},
				{Group: "admins", Role: access.Admin},
			},
		}
		if change != nil {
			change(c)
		}
	})
}

// begin starts a sign-in by the provider and returns the provider's address.
func (h *house) begin(client *http.Client, next string) string {
	h.t.Helper()
	got := h.with(client, "GET", "/login/oidc?next="+url.QueryEscape(next), strings.NewReader(""))
	if got.status != http.StatusSeeOther {
		h.t.Fatalf("begin: %d %s", got.status, got.body)
	}
	return got.header.Get("Location")
}

func TestSignInByProvider(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	h := withProvider(t, p, nil)
	client := h.browser()
	if page := h.get(client, "/login?next=/journeys"); !strings.Contains(page.body, `href="/login/oidc?next=%2fjourneys"`) {
		t.Errorf("the page does not offer the provider: %s", page.body)
	}
	got := h.get(client, p.approve(h.begin(client, "/inbox?queue=billing")))
	if got.status != http.StatusOK || !strings.Contains(got.body, `content="0; url=/inbox?queue=billing"`) {
		t.Fatalf("%d %s", got.status, got.body)
	}
	page := h.get(client, "/inbox")
	if page.status != http.StatusOK || !strings.Contains(page.body, "Aiko") {
		t.Fatalf("inbox: %d", page.status)
	}
	if got := h.get(client, "/v1/admin/counts"); got.status != http.StatusUnauthorized {
		t.Errorf("a cookie opens the admin API: %d", got.status)
	}
	var kept access.Session
	list, err := h.store.Access.Sessions(context.Background(), instant, 10)
	if err != nil || len(list) != 1 {
		t.Fatalf("sessions: %v %v", list, err)
	}
	if kept = list[0]; kept.Subject != "oidc:u-1" || kept.Name != "Aiko" || len(kept.Groups) != 1 || kept.Peer != "127.0.0.1" {
		t.Errorf("%+v", kept)
	}
	if got := h.do("GET", "/v1/admin/sessions", "", "Authorization: Bearer "+adminToken); !strings.Contains(got.body,
		`"role":"agent","queues":["billing"]`) {
		t.Errorf("the list of sessions: %s", got.body)
	}
	out := h.post(client, "/logout", url.Values{})
	if out.status != http.StatusOK || !strings.Contains(out.body,
		p.url+"/end?client_id=tabi&amp;post_logout_redirect_uri=http%3A%2F%2Ftabi.example.com%2Flogin") {
		t.Errorf("the sign-out does not offer the provider's: %d %s", out.status, out.body)
	}
	if got := h.get(client, "/inbox"); got.status != http.StatusUnauthorized {
		t.Errorf("after the sign-out: %d", got.status)
	}
	if lines := strings.Join(h.audited(), "\n"); !strings.Contains(lines, "Aiko (agent) session.sign_out ok") {
		t.Errorf("the audit log does not say who signed out:\n%s", lines)
	}
}

// TestProvidersAnswersAreChecked changes one thing of a good answer each time: nobody gets in.
func TestProvidersAnswersAreChecked(t *testing.T) {
	t.Parallel()
	good := func(path string) string { return path }
	drop := func(name string) func(string) string {
		return func(path string) string {
			u, _ := url.Parse(path)
			q := u.Query()
			q.Del(name)
			return u.Path + "?" + q.Encode()
		}
	}
	spoil := func(name string) func(string) string {
		return func(path string) string { return strings.Replace(path, name+"=", name+"=x", 1) }
	}
	add := func(more string) func(string) string { return func(path string) string { return path + more } }
	claim := func(name string, v any) func(map[string]any) { return func(c map[string]any) { c[name] = v } }
	for name, c := range map[string]struct {
		lies   func(map[string]any)
		answer func(string) string
		status int
		reason string
	}{
		"good":              {nil, good, http.StatusOK, ""},
		"wrong nonce":       {claim("nonce", "other"), good, http.StatusForbidden, "wrong_nonce"},
		"no nonce":          {func(c map[string]any) { delete(c, "nonce") }, good, http.StatusForbidden, "wrong_nonce"},
		"foreign issuer":    {claim("iss", "https://evil.example"), good, http.StatusForbidden, "bad_id_token"},
		"foreign audience":  {claim("aud", "another"), good, http.StatusForbidden, "bad_id_token"},
		"expired":           {claim("exp", instant.Add(-time.Second).Unix()), good, http.StatusForbidden, "bad_id_token"},
		"forged signature":  {claim("forged", true), good, http.StatusForbidden, "bad_id_token"},
		"wrong token hash":  {claim("at_hash", "AAAA"), good, http.StatusForbidden, "bad_id_token"},
		"no group":          {claim("groups", []string{"sales"}), good, http.StatusForbidden, "no_role"},
		"no state":          {nil, drop("state"), http.StatusForbidden, "wrong_state"},
		"wrong state":       {nil, spoil("state"), http.StatusForbidden, "wrong_state"},
		"no code":           {nil, drop("code"), http.StatusForbidden, "bad_code"},
		"wrong code":        {nil, spoil("code"), http.StatusForbidden, "bad_code"},
		"an error":          {nil, add("&error=access_denied"), http.StatusForbidden, "provider_refused"},
		"issuer of another": {nil, add("&iss=https://evil.example"), http.StatusForbidden, "foreign_issuer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t)
			p.lies = c.lies
			h := withProvider(t, p, nil)
			client := h.browser()
			got := h.get(client, c.answer(p.approve(h.begin(client, "/"))))
			if got.status != c.status {
				t.Fatalf("%d, want %d: %s", got.status, c.status, got.body)
			}
			want := http.StatusUnauthorized
			if c.status == http.StatusOK {
				want = http.StatusOK
			}
			if got := h.get(client, "/"); got.status != want {
				t.Errorf("the page afterwards: %d, want %d", got.status, want)
			}
			metrics := h.do("GET", "/metrics", "", "Authorization: Bearer "+adminToken).body
			if c.reason != "" && !strings.Contains(metrics, `tabi_sign_in_failures_total{door="oidc",reason="`+c.reason+`"} 1`) {
				t.Errorf("the failure is not counted as %s", c.reason)
			}
		})
	}
}

// TestSignInsBelongToTheirBrowser: an answer works once, in the browser that began, and nobody else's session is in it.
// A link of another site signs nobody in: it shows the page that asks.
func TestSignInBeginsWithAClick(t *testing.T) {
	t.Parallel()
	h := withProvider(t, newProvider(t), nil)
	for _, site := range []string{"cross-site", "same-site", "same-origin", "none", ""} {
		got := h.do("GET", "/login/oidc?next=/journeys", "", "Sec-Fetch-Site: "+site)
		foreign := strings.HasSuffix(site, "-site")
		if began := got.header.Get("Location") != ""; began == foreign {
			t.Errorf("%q: %d", site, got.status)
		}
		if foreign && (got.status != http.StatusOK || !strings.Contains(got.body, `href="/login/oidc?next=%2fjourneys"`)) {
			t.Errorf("%q: %d %s", site, got.status, got.body)
		}
	}
}

func TestSignInsBelongToTheirBrowser(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	h := withProvider(t, p, nil)
	mine, theirs := h.browser(), h.browser()
	answer := p.approve(h.begin(theirs, "/"))
	if got := h.get(mine, answer); got.status != http.StatusForbidden {
		t.Errorf("the answer of another browser's sign-in: %d", got.status)
	}
	h.begin(mine, "/")
	if got := h.get(mine, answer); got.status != http.StatusForbidden {
		t.Errorf("the answer of another browser's sign-in, while one is in progress here: %d", got.status)
	}
	answer = p.approve(h.begin(theirs, "/"))
	if got := h.get(theirs, answer); got.status != http.StatusOK {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := h.get(theirs, answer); got.status != http.StatusForbidden {
		t.Errorf("a replayed answer: %d", got.status)
	}
	h.g.Wall = func() time.Time { return instant.Add(11 * time.Minute) }
	late := h.browser()
	h.g.Wall = func() time.Time { return instant }
	answer = p.approve(h.begin(late, "/"))
	h.g.Wall = func() time.Time { return instant.Add(11 * time.Minute) }
	if got := h.get(late, answer); got.status != http.StatusForbidden {
		t.Errorf("an answer after ten minutes: %d", got.status)
	}
	for _, next := range []string{"https://evil.example", "//evil.example", `/\evil.example`} {
		client := h.browser()
		if got := h.get(client, p.approve(h.begin(client, next))); !strings.Contains(got.body, `content="0; url=/"`) {
			t.Errorf("next=%q: %s", next, got.body)
		}
	}
}

// TestSessionIDsAreNew: an id that somebody has put into a browser before its sign-in opens nothing, and one of before ends.
func TestSessionIDsAreNew(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	form := url.Values{"token": {adminToken}}
	got := h.with(http.DefaultClient, "POST", "/login", strings.NewReader(form.Encode()), "Content-Type: application/x-www-form-urlencoded",
		"Cookie: tabi_session=chosen-by-somebody-else")
	cookie, _, _ := strings.Cut(got.header.Get("Set-Cookie"), ";")
	if got.status != http.StatusSeeOther || strings.Contains(cookie, "chosen") || len(cookie) < 40 {
		t.Fatalf("%d %s", got.status, cookie)
	}
	open := func(cookie string) int { return h.do("GET", "/", "", "Cookie: "+cookie).status }
	if open("tabi_session=chosen-by-somebody-else") != http.StatusUnauthorized || open(cookie) != http.StatusOK {
		t.Error("the id of before the sign-in is that of after it")
	}
	again := h.do("POST", "/login", form.Encode(), "Content-Type: application/x-www-form-urlencoded", "Cookie: "+cookie)
	if again.status != http.StatusSeeOther || open(cookie) != http.StatusUnauthorized {
		t.Errorf("the session of before a second sign-in: %d", open(cookie))
	}
	list, err := h.store.Access.Sessions(context.Background(), instant, 10)
	if err != nil || len(list) != 1 || strings.Contains(cookie, list[0].ID) {
		t.Errorf("the database has what the cookie has: %v %v", list, err)
	}
	if got := h.post(h.browser(), "/login", form, "Origin: https://evil.example"); got.status != http.StatusForbidden {
		t.Errorf("another site signs somebody in: %d", got.status)
	}
}

// TestSessionLimits runs on a clock of its own.
func TestSessionLimits(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) { c.SessionIdle, c.SessionLife = 30*time.Minute, 2*time.Hour })
	wall := instant
	h.g.Wall = func() time.Time { return wall }
	client := h.browser()
	signIn := func() { h.post(client, "/login", url.Values{"token": {adminToken}}) }
	open := func(path string) int { return h.get(client, path).status }
	signIn()
	seen := func() time.Time {
		list, err := h.store.Access.Sessions(context.Background(), wall, 10)
		if err != nil || len(list) != 1 {
			t.Fatalf("%v %v", list, err)
		}
		return list[0].Seen
	}
	wall = wall.Add(59 * time.Second)
	if open("/") != http.StatusOK || !seen().Equal(instant) {
		t.Error("a use within a minute is written")
	}
	for range 5 { // in use until the absolute limit is near
		wall = wall.Add(20 * time.Minute)
		if got := open("/"); got != http.StatusOK || !seen().Equal(wall) {
			t.Fatalf("in use: %d", got)
		}
	}
	wall = instant.Add(2 * time.Hour)
	if got := open("/"); got != http.StatusUnauthorized {
		t.Errorf("after the absolute limit: %d", got)
	}
	signIn()
	for range 3 { // a page that reloads by itself is no person
		wall = wall.Add(10 * time.Minute)
		if got := open("/inbox?reload=1"); got != http.StatusOK && wall.Sub(instant) < 150*time.Minute {
			t.Errorf("reload after %s: %d", wall.Sub(instant), got)
		}
	}
	if got := open("/"); got != http.StatusUnauthorized {
		t.Errorf("after half an hour without a person: %d", got)
	}
	wall = wall.Add(-time.Hour)
	if got := open("/"); got != http.StatusUnauthorized {
		t.Errorf("a session that has ended comes back: %d", got)
	}
}

func TestSessionsEndEverywhere(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	h := withProvider(t, p, nil)
	one, two := h.browser(), h.browser()
	for _, client := range []*http.Client{one, two} {
		h.get(client, p.approve(h.begin(client, "/")))
	}
	admin := []string{"Authorization: Bearer " + adminToken, "Content-Type: application/json"}
	for body, want := range map[string]int{`{}`: 400, `{"subject":"oidc:u-1","all":true}`: 400, `{"subject":"oidc:u-9"}`: 404} {
		if got := h.do("POST", "/v1/admin/sessions/end", body, admin...); got.status != want {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	if got := h.do("POST", "/v1/admin/sessions/end", `{"subject":"oidc:u-1"}`, admin...); !strings.Contains(got.body, `"count":2`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	for _, client := range []*http.Client{one, two} {
		if got := h.get(client, "/"); got.status != http.StatusUnauthorized {
			t.Errorf("a session is left: %d", got.status)
		}
	}
	// A copied cookie ends with its session.
	h.get(one, p.approve(h.begin(one, "/")))
	at, _ := url.Parse(h.url)
	copied := h.browser()
	copied.Jar.SetCookies(at, one.Jar.Cookies(at))
	if got := h.get(copied, "/"); got.status != http.StatusOK {
		t.Fatalf("a copied cookie: %d", got.status)
	}
	h.post(one, "/logout", url.Values{})
	if got := h.get(copied, "/"); got.status != http.StatusUnauthorized {
		t.Errorf("a copied cookie after the sign-out: %d", got.status)
	}
	// A group that loses its role ends the sessions of its people.
	h.get(one, p.approve(h.begin(one, "/")))
	h.g.auth.OIDC.Roles = []auth.GroupRole{{Group: "admins", Role: access.Admin}}
	if got := h.get(one, "/"); got.status != http.StatusUnauthorized {
		t.Errorf("without a role: %d", got.status)
	}
}

// A session that ends while somebody writes loses nothing: the page has what was written, and sends it after a new sign-in.
func TestWhatWasWrittenIsKept(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	id, _ := h.handoff()
	client := h.signedIn("Aiko")
	path, html := "/inbox/"+url.PathEscape(id)+"/resolve", "Accept: text/html"
	form := url.Values{"outcome": {"refunded"}, "other": {""}, "note": {"Ana \"was\" angry.\n<b>Call</b> her"}}
	wall := instant.Add(31 * time.Minute)
	h.g.Wall = func() time.Time { return wall }
	got := h.post(client, path, form, html, "Origin: http://tabi.example.com")
	if got.status != http.StatusUnauthorized {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for _, want := range []string{`action="` + path + `"`, `name="outcome" value="refunded"`,
		">Ana &#34;was&#34; angry.\n&lt;b&gt;Call&lt;/b&gt; her</textarea>", `href="/login?next=/sessions" target="_blank"`} {
		if !strings.Contains(got.body, want) {
			t.Errorf("the page lacks %s:\n%s", want, got.body)
		}
	}
	foreign := h.post(client, path, form, html, "Origin: https://evil.example")
	if strings.Contains(foreign.body, "angry") || foreign.status != http.StatusUnauthorized {
		t.Errorf("a form of another site: %d %s", foreign.status, foreign.body)
	}
	if got := h.post(client, "/logout", url.Values{}, html); got.header.Get("Location") != "/login" {
		t.Errorf("a sign-out of who is signed out: %d", got.status)
	}
	h.post(client, "/login", url.Values{"token": {agentToken}, "name": {"Aiko"}})
	if got := h.post(client, path, form, html); got.status != http.StatusSeeOther {
		t.Errorf("sent again: %d %s", got.status, got.body)
	}
	if page := h.get(client, "/inbox/"+url.PathEscape(id)); !strings.Contains(page.body, "angry") {
		t.Errorf("the note is lost: %s", page.body)
	}
}

// People see where they are signed in, and end their own sessions, and nobody else's.
func TestOwnSessions(t *testing.T) {
	t.Parallel()
	const others = "other-agent-token-0123456789"
	h := newHouse(t, func(c *Config) { c.Tokens = append(c.Tokens, auth.Token{Value: others, Role: access.Agent}) })
	as := func(token, name, browser string) *http.Client {
		client := h.browser()
		got := h.post(client, "/login", url.Values{"token": {token}, "name": {name}}, "User-Agent: "+browser)
		if got.status != http.StatusSeeOther {
			t.Fatalf("%d %s", got.status, got.body)
		}
		return client
	}
	const linux, phone = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1"
	here, there := as(agentToken, "Aiko", linux), as(agentToken, "Aiko", phone)
	bo, sameName := as(agentToken, "Bo", "x"), as(others, "Aiko", "x") // one shares the token, one has another without a name too
	page := h.get(here, "/sessions")
	holds(t, page, "Firefox on Linux", "Safari on iPhone", "this one", "127.0.0.1", "End all others", "2026-03-02 22:00:00 UTC")
	if n := strings.Count(page.body, "<section>"); n != 2 {
		t.Errorf("%d sessions: %s", n, page.body)
	}
	open := func(client *http.Client) bool { return h.get(client, "/sessions").status == http.StatusOK }
	list, err := h.store.Access.Sessions(t.Context(), instant, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		if s.Name == "Bo" {
			if got := h.post(here, "/sessions/end", url.Values{"id": {s.ID}}); got.status != http.StatusNotFound || !open(bo) {
				t.Errorf("somebody else's session: %d", got.status)
			}
		}
		if s.Browser == "Safari on iPhone" {
			if got := h.post(here, "/sessions/end", url.Values{"id": {s.ID}}, "Origin: https://evil.example"); !open(there) {
				t.Errorf("ended by another site: %d", got.status)
			}
			got := h.post(here, "/sessions/end", url.Values{"id": {s.ID}})
			if got.header.Get("Location") != "/sessions?ended=1" || open(there) || !open(here) {
				t.Errorf("one: %d %s", got.status, got.body)
			}
		}
	}
	there = as(agentToken, "Aiko", phone)
	got := h.post(here, "/sessions/end", url.Values{"others": {"yes"}})
	if got.header.Get("Location") != "/sessions?ended=1" || open(there) || !open(here) || !open(bo) || !open(sameName) {
		t.Errorf("all others: %d %s", got.status, got.body)
	}
	if got := h.post(here, "/sessions/end", url.Values{}); got.status != http.StatusBadRequest {
		t.Errorf("no session named: %d", got.status)
	}
	own := regexp.MustCompile(`name="id" value="(\w+)"`).FindStringSubmatch(h.get(here, "/sessions").body)
	if got := h.post(here, "/sessions/end", url.Values{"id": {own[1]}}); got.header.Get("Location") != "/login" || open(here) {
		t.Errorf("one's own: %d %s", got.status, got.body)
	}
	if got := h.do("GET", "/sessions", "", "Authorization: Bearer "+adminToken); !strings.Contains(got.body, "there is none to end") {
		t.Errorf("a program: %d %s", got.status, got.body)
	}
	lines := strings.Join(h.audited(), "\n")
	for _, want := range []string{"Aiko (agent) session.end ok", "Aiko (agent) session.end refused: not_found"} {
		if !strings.Contains(lines, want) {
			t.Errorf("the audit log lacks %s:\n%s", want, lines)
		}
	}
}

func TestCookiesOfHTTPS(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) { c.PublicURL = "https://tabi.example.com" })
	got := h.post(h.browser(), "/login", url.Values{"token": {adminToken}})
	cookie := got.header.Get("Set-Cookie")
	for _, part := range []string{"__Host-tabi_session=", "Secure", "HttpOnly", "SameSite=Strict", "Path=/"} {
		if !strings.Contains(cookie, part) || strings.Contains(cookie, "Domain") {
			t.Errorf("the cookie lacks %s: %s", part, cookie)
		}
	}
}

// TestProviderThatIsAway: the gateway starts without its provider, says so, and takes it when it comes.
func TestProviderThatIsAway(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.away.Store(true)
	h := withProvider(t, p, nil)
	client := h.browser()
	if page := h.get(client, "/login"); page.status != http.StatusOK || !strings.Contains(page.body, "Keyhole cannot be reached") ||
		!strings.Contains(page.body, `name="token"`) {
		t.Errorf("%d %s", page.status, page.body)
	}
	if got := h.get(client, "/login/oidc"); got.status != http.StatusServiceUnavailable {
		t.Errorf("begin: %d", got.status)
	}
	if got := h.do("GET", "/readyz", ""); got.status != http.StatusOK || !strings.Contains(got.body, `"sign_in":"unreachable"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := h.post(client, "/login", url.Values{"token": {adminToken}}); got.status != http.StatusSeeOther {
		t.Errorf("a token: %d", got.status)
	}
	p.away.Store(false)
	h.g.Wall = func() time.Time { return instant.Add(6 * time.Second) }
	if got := h.get(client, p.approve(h.begin(client, "/"))); got.status != http.StatusOK {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := h.do("GET", "/readyz", ""); !strings.Contains(got.body, `"sign_in":"ok"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// Groups may be one name, a list, an object, or only in the user info.
func TestGroupsOfProviders(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		claim  string
		groups any
		want   string
	}{
		"a list":       {"groups", []string{"support", "vip", "unknown"}, `"role":"agent","queues":["billing","vip"]`},
		"the stronger": {"groups", []string{"support", "admins"}, `"role":"admin","peer"`},
		"a name":       {"groups", "admins", `"role":"admin"`},
		"an object":    {"urn:roles", map[string]any{"admins": map[string]any{"org": "x"}}, `"role":"admin"`},
		"nested":       {"realm_access.roles", nil, `"role":"admin"`},
		"user info":    {"groups", nil, `"role":"agent","queues":["vip"]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t)
			p.info = map[string]any{"sub": "u-1", "groups": []string{"vip"}}
			p.lies = func(claims map[string]any) {
				delete(claims, "groups")
				if c.groups != nil {
					claims[c.claim] = c.groups
				}
				if outer, inner, ok := strings.Cut(c.claim, "."); ok {
					claims[outer] = map[string]any{inner: []string{"admins"}}
				}
			}
			h := withProvider(t, p, func(cfg *Config) { cfg.OIDC.GroupsClaim = c.claim })
			client := h.browser()
			h.get(client, p.approve(h.begin(client, "/")))
			if got := h.do("GET", "/v1/admin/sessions", "", "Authorization: Bearer "+adminToken); !strings.Contains(got.body, c.want) {
				t.Errorf("%s", got.body)
			}
		})
	}
}

// TestTriesAreLimited: a peer that guesses is refused, also with a good token, and others are not.
func TestTriesAreLimited(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) { c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	wall := instant
	h.g.Wall = func() time.Time { return wall }
	from := func(peer, token string) answer {
		return h.do("GET", "/v1/admin/counts", "", "Authorization: Bearer "+token, "X-Forwarded-For: "+peer)
	}
	form := func(peer, token string) answer {
		return h.do("POST", "/login", url.Values{"token": {token}}.Encode(), "Content-Type: application/x-www-form-urlencoded",
			"X-Forwarded-For: "+peer)
	}
	for n := range 10 {
		try := from
		if n%2 == 1 {
			try = form
		}
		if got := try("192.0.2.1", "a wrong token of a guesser"); got.status != http.StatusUnauthorized {
			t.Fatalf("try %d: %d", n, got.status)
		}
	}
	for _, got := range []answer{from("192.0.2.1", "another"), from("192.0.2.1", adminToken), form("192.0.2.1", adminToken)} {
		if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
			t.Errorf("after ten tries: %d %v", got.status, got.header)
		}
	}
	if got := from("192.0.2.2", adminToken); got.status != http.StatusOK {
		t.Errorf("another peer: %d", got.status)
	}
	wall = wall.Add(7 * time.Second)
	if got := from("192.0.2.1", adminToken); got.status != http.StatusOK {
		t.Errorf("after a rest: %d", got.status)
	}
	// Many peers together: those that have failed lately are refused, others are not.
	for n := range 220 {
		from("2001:db8:"+string("0123456789abcdef"[n%16])+string("0123456789abcdef"[n/16])+"::1", "wrong")
	}
	if got := from("2001:db8:00::2", adminToken); got.status != http.StatusTooManyRequests {
		t.Errorf("a network that has failed, among many: %d", got.status)
	}
	if got := from("203.0.113.7", adminToken); got.status != http.StatusOK {
		t.Errorf("a good token of a peer that has not failed: %d", got.status)
	}
	body := h.do("GET", "/metrics", "", "Authorization: Bearer "+adminToken, "X-Forwarded-For: 203.0.113.7").body
	for _, want := range []string{`{door="bearer",reason="throttled"}`, `{door="form",reason="unknown_token"} 5`} {
		if !strings.Contains(body, "tabi_sign_in_failures_total"+want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}
