package pages

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
)

type loginView struct {
	Next  string
	Name  string
	Error string
}

// RequireSignIn redirects a browser to the form; other clients get a 401.
func (p *Pages) RequireSignIn(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Redirect(w, r, "/login?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
		return
	}
	web.WriteError(w, web.Unauthorized("this needs a token: sign in at /login, or Authorization: Bearer <token>"))
}

func (p *Pages) LoginPage(w http.ResponseWriter, r *http.Request) {
	p.Render(w, r, http.StatusOK, "login.html", "Sign in", loginView{Next: localPath(r.URL.Query().Get("next"))})
}

// Login exchanges a token for a session.
func (p *Pages) Login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	next, name := localPath(r.PostFormValue("next")), strings.TrimSpace(r.PostFormValue("name"))
	again := func(status int, problem string) {
		p.Render(w, r, status, "login.html", "Sign in", loginView{Next: next, Name: name, Error: problem})
	}
	token, id := p.auth.Token(strings.TrimSpace(r.PostFormValue("token")))
	if token == nil {
		again(http.StatusUnauthorized, "Unknown token. Ask the person who runs tabi for yours.")
		return
	}
	if token.Name != "" {
		name = token.Name
	}
	if !auth.GoodName(name) {
		again(http.StatusBadRequest, "Please enter your name. It is shown with your actions.")
		return
	}
	audit.Of(r.Context()).By(name, "token:"+token.Name, string(token.Role))
	p.auth.SignIn(w, name, id)
	http.Redirect(w, r, next, http.StatusSeeOther)
}

func (p *Pages) Logout(w http.ResponseWriter, r *http.Request) {
	p.auth.SignOut(w)
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// localPath returns next if it is a path of this gateway, so that a sign-in cannot redirect elsewhere.
func localPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") ||
		strings.ContainsAny(next, "\\\r\n\t") {
		return "/inbox"
	}
	return next
}
