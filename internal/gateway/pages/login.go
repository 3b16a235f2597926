package pages

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
)

type loginView struct {
	Next     string
	Name     string
	Error    string
	Provider string // of single sign-on; empty: none
	Away     bool   // the provider cannot be reached
	Tokens   bool   // there are tokens to sign in by
	End      string // where a person signs out of the provider, to come as somebody else; empty: nowhere, or nobody was refused
}

// RequireSignIn redirects a browser to the form, or keeps what it has sent; other clients get a 401.
func (p *Pages) RequireSignIn(w http.ResponseWriter, r *http.Request) {
	switch person := strings.Contains(r.Header.Get("Accept"), "text/html"); {
	case person && r.Method == http.MethodGet:
		http.Redirect(w, r, "/login?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
		return
	case person && r.URL.Path == "/logout":
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	case person && p.auth.CheckForm(r) == nil && r.ParseForm() == nil:
		p.Render(w, r, http.StatusUnauthorized, "interrupted.html", "Sign in to go on", interrupted(r))
		return
	}
	web.WriteError(w, web.Unauthorized("this needs a token: sign in at /login, or Authorization: Bearer <token>"))
}

// Refused writes the page for a caller who could not be identified now.
func (p *Pages) Refused(w http.ResponseWriter, r *http.Request, err *web.Error) {
	err.Header(w.Header())
	p.Problem(w, r, err.Status, "Not now", sentence(err.Message))
}

// sentence makes a sentence of an error.
func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] + "." }

// LoginPage shows the ways to sign in.
func (p *Pages) LoginPage(w http.ResponseWriter, r *http.Request) {
	p.showLogin(w, r, http.StatusOK, loginView{Next: localPath(r.URL.Query().Get("next"))})
}

func (p *Pages) showLogin(w http.ResponseWriter, r *http.Request, status int, v loginView) {
	name, err := p.auth.Provider(auth.PagePatience)
	v.Provider, v.Away, v.Tokens = name, err != nil, len(p.auth.Tokens) > 0 || name == ""
	p.Render(w, r, status, "login.html", "Sign in", v)
}

// Login exchanges a token for a session.
func (p *Pages) Login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := p.auth.CheckForm(r); err != nil { // nobody is signed in as somebody else from another site
		p.Problem(w, r, err.Status, "Nothing was changed", sentence(err.Message))
		return
	}
	next, name := localPath(r.PostFormValue("next")), strings.TrimSpace(r.PostFormValue("name"))
	again := func(status int, problem string) {
		p.showLogin(w, r, status, loginView{Next: next, Name: name, Error: problem})
	}
	token, err := p.auth.Try(r, strings.TrimSpace(r.PostFormValue("token")))
	switch {
	case err != nil && err.Status == http.StatusUnauthorized:
		again(err.Status, "Unknown token. Ask the person who runs tabi for yours.")
		return
	case err != nil:
		err.Header(w.Header())
		again(err.Status, sentence(err.Message))
		return
	}
	if token.Name != "" {
		name = token.Name
	}
	if !auth.GoodName(name) {
		again(http.StatusBadRequest, "Please enter your name. It is shown with your actions.")
		return
	}
	if err := p.auth.SignIn(w, r, token, name); err != nil {
		p.pageFailed(w, r, err)
		return
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// LoginByProvider sends the browser to the identity provider.
func (p *Pages) LoginByProvider(w http.ResponseWriter, r *http.Request) {
	next := localPath(r.URL.Query().Get("next"))
	if p.auth.OIDC == nil {
		p.Problem(w, r, http.StatusNotFound, "Nothing here", "People sign in by tokens here.")
		return
	}
	if from := r.Header.Get("Sec-Fetch-Site"); from == "cross-site" || from == "same-site" {
		p.showLogin(w, r, http.StatusOK, loginView{Next: next}) // nobody is signed in by a link of another site: a click here begins it
		return
	}
	address, err := p.auth.BeginOIDC(w, next)
	if err != nil { // the log has the reason
		p.showLogin(w, r, http.StatusServiceUnavailable, loginView{Next: next})
		return
	}
	http.Redirect(w, r, address, http.StatusSeeOther)
}

// interruptedView is a form that came from this site after the session of its person had ended. What was written must not be lost: the page
// has it, and sends it again once the person has signed in beside it. A form of another site is not shown: the person might send it.
type interruptedView struct {
	Action string
	Hidden []pair
	Texts  []pair // what a person may have written
}

func interrupted(r *http.Request) interruptedView {
	v := interruptedView{Action: r.URL.EscapedPath()}
	for _, name := range slices.Sorted(maps.Keys(r.PostForm)) {
		for _, value := range r.PostForm[name] {
			one := pair{name, value}
			if name == "note" && value != "" {
				v.Texts = append(v.Texts, one)
			} else {
				v.Hidden = append(v.Hidden, one)
			}
		}
	}
	return v
}

type askingView struct{ Provider, Address string }

// AskAgain sends a browser that opens a page by way of the provider, which says whether the session goes on; false: it is no page that a
// person opens, or the provider is away. It answers with a page and no redirect, since a browser follows no redirect of a form to another
// site.
func (p *Pages) AskAgain(w http.ResponseWriter, r *http.Request, caller auth.Principal) bool {
	if r.Method != http.MethodGet || !strings.Contains(r.Header.Get("Accept"), "text/html") {
		return false
	}
	address, err := p.auth.AskAgain(w, r, caller, localPath(r.URL.RequestURI()))
	if err != nil {
		p.pageFailed(w, r, err)
		return true
	}
	if address != "" {
		name, _ := p.auth.Provider(auth.PagePatience)
		p.Render(w, r, http.StatusOK, "asking.html", "Still signed in?", askingView{name, address})
	}
	return address != ""
}

// LogoutByProvider ends sessions when the provider says so: OpenID Connect Back-Channel Logout 1.0.
func (p *Pages) LogoutByProvider(w http.ResponseWriter, r *http.Request) {
	if p.auth.OIDC == nil {
		web.WriteError(w, web.NotFound("not_found", "", "people sign in by tokens here"))
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if _, err := p.auth.LogoutByProvider(r); err != nil {
		web.WriteError(w, err)
		return
	}
	w.WriteHeader(http.StatusOK)
}

type arrivedView struct{ Next string }

// LoginCallback receives the browser that the identity provider sends back.
func (p *Pages) LoginCallback(w http.ResponseWriter, r *http.Request) {
	if p.auth.OIDC == nil {
		p.Problem(w, r, http.StatusNotFound, "Nothing here", "People sign in by tokens here.")
		return
	}
	next, err := p.auth.FinishOIDC(w, r)
	var wait *web.Error
	switch {
	case err == nil:
		// A page and no redirect: after a redirect from another site the browser would not send the new cookie, which is SameSite=Strict.
		p.Render(w, r, http.StatusOK, "arrived.html", "Signed in", arrivedView{localPath(next)})
	case errors.As(err, &wait):
		wait.Header(w.Header())
		p.showLogin(w, r, wait.Status, loginView{Next: "/", Error: sentence(wait.Message)})
	case errors.Is(err, auth.ErrProviderAway):
		p.Log.Warn("a sign-in could not be finished", zap.Error(err))
		p.showLogin(w, r, http.StatusServiceUnavailable, loginView{Next: localPath(next)})
	default:
		if text, ok := auth.Refusal(err); ok {
			p.showLogin(w, r, http.StatusForbidden, loginView{Next: localPath(next), Error: text, End: p.auth.EndAtProvider()})
			return
		}
		p.pageFailed(w, r, err)
	}
}

type leftView struct{ Provider, End string }

// Logout ends the session, and offers to end the one at the identity provider.
func (p *Pages) Logout(w http.ResponseWriter, r *http.Request) {
	if err := p.auth.SignOut(w, r); err != nil {
		p.pageFailed(w, r, err)
		return
	}
	// Not "cookies", which would sign people out of other hosts of the same domain, too: SignOut removes tabi's own.
	w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	if strings.HasPrefix(auth.PrincipalOf(r.Context()).Subject, "oidc:") {
		if end := p.auth.EndAtProvider(); end != "" {
			name, _ := p.auth.Provider(auth.PagePatience)
			p.Render(w, auth.WithoutPrincipal(r), http.StatusOK, "left.html", "Signed out", leftView{name, end})
			return
		}
	}
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// localPath returns next if it is a path of this gateway, so that a sign-in cannot redirect elsewhere.
func localPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") ||
		strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}
