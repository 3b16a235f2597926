package e2e

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
	"github.com/tabi-journeys/tabi/internal/dev/testservers"
)

const (
	providerButton, signOut = chromedp.CSS("#provider"), chromedp.CSS(`form[action="/logout"] button`)
	alert, wholePage        = chromedp.CSS("[role=alert]"), chromedp.CSS("body")
)

// provider is a real OpenID Connect provider: tools/oidcprovider. Its host is localhost and tabi's 127.0.0.1: for a browser these are two
// sites, as in an installation.
type provider struct {
	*install
	program, issuer, people string
	tabis                   []string
}

func newOIDCProvider(in *install, tabis ...string) *provider {
	in.Helper()
	program, err := testservers.Find("oidc-provider")
	if err != nil {
		if os.Getenv("CI") != "" {
			in.Fatal(err)
		}
		in.Skip("there is no bin/oidc-provider: run make bin/oidc-provider")
	}
	_, port, _ := strings.Cut(local(freePort()), ":")
	return &provider{
		install: in, program: program, issuer: "http://localhost:" + port, people: filepath.Join(in.dir, "people.txt"), tabis: tabis,
	}
}

// know writes the file of people, who all have the password secret: name:group,group.
func (p *provider) know(people ...string) {
	p.Helper()
	var text strings.Builder
	for _, one := range people {
		name, groups, _ := strings.Cut(one, ":")
		text.WriteString(name + ":secret:" + groups + "\n")
	}
	if err := os.WriteFile(p.people, []byte(text.String()), 0o600); err != nil {
		p.Fatal(err)
	}
}

func (p *provider) start() {
	p.Helper()
	p.run("provider", p.program, "--listen", strings.TrimPrefix(p.issuer, "http://"), "--people", p.people,
		"--secret", "a-client-secret-of-the-tests-5f8", "--tabi", strings.Join(p.tabis, ","))
	await(p, "the provider answers", func() error {
		resp, err := http.Get(p.issuer + "/.well-known/openid-configuration")
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	})
}

// person is somebody at a browser.
type person struct {
	*testing.T
	ctx context.Context
	url string // of tabi
}

// enter opens a page as a stranger and enters name and password at the provider.
func (p *person) enter(name string) {
	p.Helper()
	browse(p.T, p.ctx, chromedp.Navigate(p.url+"/customers/ana"), chromedp.WaitVisible(providerButton), chromedp.Click(providerButton),
		chromedp.WaitVisible(chromedp.CSS("#username")), chromedp.SendKeys(chromedp.CSS("#username"), name),
		chromedp.SendKeys(chromedp.CSS("#password"), "secret"), chromedp.Submit(chromedp.CSS("#password")))
}

// arrive enters and returns the page that the person wanted, with the cookie of the session.
func (p *person) arrive(name string) (page string, session *network.Cookie) {
	p.Helper()
	p.enter(name)
	browse(p.T, p.ctx, chromedp.WaitVisible(signOut))
	page = read(p.T, p.ctx, chromedp.Text(wholePage))
	for _, c := range read(p.T, p.ctx, func(ctx context.Context, t *chromedp.Target) ([]*network.Cookie, error) {
		got, err := cdp.Call(ctx, t, network.GetCookies, network.GetCookiesParams{URLs: []string{p.url}})
		return got.Cookies, err
	}) {
		if strings.HasSuffix(c.Name, "tabi_session") {
			return page, c
		}
	}
	p.Fatalf("%s has no session; the page: %s", name, page)
	return "", nil
}

// see returns the text of a page.
func (p *person) see(path string) string {
	p.Helper()
	browse(p.T, p.ctx, chromedp.Navigate(p.url+path), chromedp.WaitVisible(wholePage))
	return read(p.T, p.ctx, chromedp.Text(wholePage))
}

// leave signs out of tabi and of the provider, which sends the browser back.
func (p *person) leave() {
	p.Helper()
	browse(p.T, p.ctx, chromedp.Navigate(p.url+"/"), chromedp.Click(signOut),
		chromedp.WaitVisible(chromedp.CSS("#end")), chromedp.Click(chromedp.CSS("#end")),
		chromedp.WaitVisible(providerButton))
}

// shows checks what a page has and what not; a word with a ! must not be there.
func (p *person) shows(who, path, page string, words ...string) {
	p.Helper()
	for _, w := range words {
		word, not := strings.CutPrefix(w, "!")
		if strings.Contains(page, word) == not {
			p.Errorf("%s at %s: %q, want %q\n%s", who, path, word, w, page)
		}
	}
}

// opens returns the status of a page for the bearer of a cookie.
func opens(t *testing.T, address string, c *network.Cookie) int {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	req.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	resp, err := (&http.Transport{}).RoundTrip(req) // without following the redirect to the sign-in page
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// People sign in at a real OpenID Connect provider, in a real browser: what each role sees, who is refused, how sessions end, what happens
// while the provider is away, and the cookies under https.
func TestSignInAtAProvider(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	in := newInstall(t, folder(map[string]string{"care.yaml": care}))
	secure := local(freePort())
	op := newOIDCProvider(in, in.url, "https://"+secure)
	op.know("kim:support", "rea:watchers", "olu:ops", "ada:admins,watchers", "nat:")
	in.env = append(in.env, "TABI_OIDC_ISSUER="+op.issuer, "TABI_OIDC_CLIENT_ID=tabi", "TABI_OIDC_SCOPES=openid profile groups",
		"TABI_OIDC_CLIENT_SECRET=a-client-secret-of-the-tests-5f8", "TABI_OIDC_LABEL=Shop login",
		"TABI_OIDC_ROLES=support=agent:support,watchers=reader,ops=operator,admins=admin")
	in.deploy(database) // the provider is away
	for _, id := range []string{"ana", "bea"} {
		in.customer(id)
		post(t, in.url, "identify", map[string]any{"userId": id, "traits": map[string]any{"wish": "canary-" + id}})
	}
	in.track("ana", "Trouble", "", map[string]any{"text": "my canary-parcel"})
	in.parked("care/ana", "person")

	stranger := newAgent(t, in.url)
	if status, page := stranger.get("/login"); status != http.StatusOK || !strings.Contains(page, "Shop login cannot be reached now") ||
		!strings.Contains(page, `name="token"`) {
		t.Errorf("while the provider is away: %d\n%s", status, page)
	}
	op.start()
	await(t, "the provider is found", func() error {
		if _, page := stranger.get("/login"); !strings.Contains(page, `id="provider"`) {
			return errors.New(page)
		}
		return nil
	})

	p := &person{t, browser(t), in.url}
	page, kim := p.arrive("kim")
	p.shows("an agent", "/customers/ana", page, "canary-ana", "canary-parcel", "kim", "Inbox", "!Who did what")
	p.shows("an agent", "/inbox", p.see("/inbox"), "ana")
	p.shows("an agent", "/customers/bea", p.see("/customers/bea"), "!canary", "Not in your queues")
	if !kim.HTTPOnly || kim.SameSite != network.CookieSameSiteStrict || kim.Secure {
		t.Errorf("the cookie of a session over http: %+v", kim)
	}

	// Other groups have effect with the next sign-in. The provider starts again meanwhile, with new keys; sessions do not need it.
	op.procs["provider"].Stop(stopPatience)
	op.know("kim:ops", "rea:watchers", "olu:ops", "ada:admins,watchers", "nat:")
	p.shows("an agent", "/customers/bea", p.see("/customers/bea"), "!canary")
	op.start()
	p.leave()
	if got := opens(t, in.url+"/inbox", kim); got != http.StatusSeeOther {
		t.Errorf("a copy of the cookie of a session that has ended: %d", got)
	}
	p.arrive("kim")
	p.shows("an operator", "/customers/bea", p.see("/customers/bea"), "canary-bea", "!Who did what")
	p.leave()

	page, rea := p.arrive("rea")
	p.shows("a reader", "/customers/ana", page, "!canary", "•••", "!Inbox")
	p.shows("a reader", "/inbox", p.see("/inbox"), "Not for your role", "!ana@")
	p.shows("a reader", "/journeys", p.see("/journeys"), "care")
	p.leave()

	page, ada := p.arrive("ada")
	p.shows("an admin", "/customers/ana", page, "canary-parcel", "Who did what", "kim", "rea")
	if rea.Value == ada.Value {
		t.Error("two sign-ins have one session")
	}
	in.cli("sessions", "end", "--all")
	if got := p.see("/customers/ana"); strings.Contains(got, "canary") || opens(t, in.url+"/inbox", ada) != http.StatusSeeOther {
		t.Errorf("a session that an administrator has ended: %s", got)
	}

	p.enter("nat")
	browse(t, p.ctx, chromedp.WaitVisible(alert))
	p.shows("nobody", "/login/callback", read(t, p.ctx, chromedp.Text(wholePage)), "none of your groups has a role here", "!canary")

	// A gateway that asks the provider again after a second: a page goes there and back, other groups have effect, and who is taken out of
	// the provider is out.
	asking := local(freePort())
	op.tabis = append(op.tabis, "http://"+asking)
	op.procs["provider"].Stop(stopPatience)
	op.start()
	in.run("serve-asking", tabi(in), "serve", "--listen", asking, "--public-url", "http://"+asking, "--session-check", "1s")
	await(in, "the gateway that asks is ready", func() error {
		resp, err := http.Get("http://" + asking + "/readyz")
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	})
	p = &person{t, browser(t), "http://" + asking}
	p.arrive("rea")
	until := func(word string) {
		t.Helper()
		await(t, "the page says "+word, func() error {
			if page := p.see("/customers/ana"); !strings.Contains(page, word) {
				return errors.New(page)
			}
			return nil
		})
	}
	op.know("rea:ops", "olu:ops")
	until("canary-ana")
	op.know("olu:ops")
	until("Shop login does not confirm any more that you are signed in")
	if left := in.cli("sessions", "list"); strings.Contains(left, "id-rea") {
		t.Errorf("a session of who was taken out: %s", left)
	}

	in.serveTLS(secure)
	p = &person{t, browser(t, chromedp.Flag("ignore-certificate-errors", true)), "https://" + secure}
	page, olu := p.arrive("olu")
	p.shows("an operator over https", "/customers/ana", page, "canary-parcel")
	if olu.Name != "__Host-tabi_session" || !olu.Secure || !olu.HTTPOnly || olu.SameSite != network.CookieSameSiteStrict ||
		olu.Path != "/" {
		t.Errorf("the cookie of a session over https: %+v", olu)
	}
	p.leave()
}
