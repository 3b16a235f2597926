package e2e

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// agent is a support agent with a browser.
type agent struct {
	testing.TB
	base   string
	origin string // of the site whose page sends forms
	client http.Client
}

func newAgent(t testing.TB, base string) *agent {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &agent{TB: t, base: base, origin: base, client: http.Client{Jar: jar}}
}

// get loads a page as a browser does.
func (a *agent) get(path string) (int, string) {
	a.Helper()
	req, err := http.NewRequest(http.MethodGet, a.base+path, nil)
	if err != nil {
		a.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	return a.do(req)
}

// post sends a form.
func (a *agent) post(path string, form url.Values) (int, string) {
	a.Helper()
	req, err := http.NewRequest(http.MethodPost, a.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		a.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", a.origin)
	req.Header.Set("Accept", "text/html")
	return a.do(req)
}

func (a *agent) do(req *http.Request) (int, string) {
	a.Helper()
	resp, err := a.client.Do(req)
	if err != nil {
		a.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		a.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// signIn follows the redirect to the sign-in page, and signs in.
func (a *agent) signIn(token, name string) {
	a.Helper()
	if status, page := a.get("/inbox"); status != http.StatusOK || !strings.Contains(page, `name="token"`) {
		a.Fatalf("a stranger is not asked to sign in: %d\n%s", status, page)
	}
	if status, page := a.post("/login", url.Values{"token": {token}, "name": {name}, "next": {"/inbox"}}); status != http.StatusOK ||
		strings.Contains(page, `name="token"`) {
		a.Fatalf("not signed in: %d\n%s", status, page)
	}
}

var (
	handoffLink = regexp.MustCompile(`href="(/inbox/[^"?]+)"`)
	resolveForm = regexp.MustCompile(`action="([^"]+/resolve)"`)
)

// find waits until the inbox lists a customer's hand-off, and returns its page and path.
func (a *agent) find(customer string) (path, page string) {
	a.Helper()
	await(a, "the inbox lists "+customer, func() error {
		_, list := a.get("/inbox")
		for _, link := range handoffLink.FindAllStringSubmatch(list, -1) {
			path = html.UnescapeString(link[1])
			if _, page = a.get(path); strings.Contains(page, "<h1>"+customer) {
				return nil
			}
		}
		return fmt.Errorf("it does not:\n%s", list)
	})
	return path, page
}

// resolve submits the form of a page.
func (a *agent) resolve(page string, fields url.Values) (int, string) {
	a.Helper()
	action := resolveForm.FindStringSubmatch(page)
	if action == nil {
		a.Fatalf("the page has no form to resolve:\n%s", page)
	}
	return a.post(html.UnescapeString(action[1]), fields)
}

// An agent resolves a hand-off by the inbox's own form, and the outcome drives the journey. An agent who is too late
// gets a message.
func TestInbox(t *testing.T) {
	t.Parallel()
	h := open(t, settings{files: folder(map[string]string{"care.yaml": care})})
	address := h.customer("ana")
	h.track("ana", "Trouble", "", map[string]any{"text": "<b>my parcel</b>"})
	h.parked("care/ana", "person")

	a := newAgent(t, h.url)
	a.signIn(agentToken, "Kim")
	path, page := a.find("ana")
	for _, want := range []string{"ana wrote &lt;b&gt;my parcel&lt;/b&gt;", `value="refunded"`, `value="resolved"`, "Trouble"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page of the hand-off lacks %q:\n%s", want, page)
		}
	}
	// A browser names the site from which a form was sent.
	a.origin = "https://elsewhere.example.com"
	if status, _ := a.post(path+"/resolve", url.Values{"outcome": {"refunded"}}); status != http.StatusForbidden {
		t.Errorf("a form from another site was accepted: %d", status)
	}
	a.origin = a.base
	h.parked("care/ana", "person")
	if status, answer := a.resolve(page, url.Values{"outcome": {"refunded"}, "note": {"sent 12 back"}}); status != http.StatusOK ||
		!strings.Contains(answer, "resolved it as") {
		t.Fatalf("resolving: %d\n%s", status, answer)
	}
	h.ended("care/ana", "refunded")
	same(t, "mails of the arm", h.mail.subjects(address), []string{"Hello ana"})
	same(t, "the run", h.result("care/ana", "").Outcome, "refunded")

	// The same form again, from a page that was loaded before: too late.
	status, answer := a.resolve(page, url.Values{"outcome": {"resolved"}})
	if status != http.StatusConflict || !strings.Contains(answer, "Too late") {
		t.Errorf("too late: %d\n%s", status, answer)
	}

	// The enrollment ends while the agent looks at the hand-off: it is withdrawn, and the agent gets a message.
	h.customer("bea")
	h.track("bea", "Trouble", "", nil)
	h.parked("care/bea", "person")
	path, page = a.find("bea")
	h.track("bea", "Bought", "", nil)
	h.ended("care/bea", contract.Goal)
	status, answer = a.resolve(page, url.Values{"outcome": {"refunded"}})
	if status != http.StatusConflict || !strings.Contains(answer, "Too late") || !strings.Contains(answer, "withdrawn") {
		t.Errorf("too late for a withdrawn one: %d\n%s", status, answer)
	}
	if _, page = a.get(path); resolveForm.MatchString(page) {
		t.Error("a withdrawn hand-off still has its form")
	}

	// An outcome in the agent's own words: the journey continues after the step.
	h.customer("cia")
	h.track("cia", "Trouble", "", nil)
	_, page = a.find("cia")
	if status, answer := a.resolve(page, url.Values{"other": {"called back"}}); status != http.StatusOK {
		t.Fatalf("resolving in other words: %d\n%s", status, answer)
	}
	h.ended("care/cia", "otherwise")
}
