package gateway

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

type loginView struct {
	Next  string
	Name  string
	Error string
}

// askToSignIn sends a browser to the form and tells a program what is missing.
func (g *Gateway) askToSignIn(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Redirect(w, r, "/login?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
		return
	}
	g.refuse(w, r, unauthorized("this needs a token: sign in at /login, or Authorization: Bearer <token>"))
}

func (g *Gateway) loginPage(w http.ResponseWriter, r *http.Request) {
	g.render(w, r, http.StatusOK, "login.html", "Sign in", loginView{Next: localPath(r.URL.Query().Get("next"))})
}

// login exchanges a token for a session. It asks for no form token: a stranger's page cannot know a token to
// sign anyone in with.
func (g *Gateway) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	next, name := localPath(r.PostFormValue("next")), strings.TrimSpace(r.PostFormValue("name"))
	again := func(status int, problem string) {
		g.render(w, r, status, "login.html", "Sign in", loginView{Next: next, Name: name, Error: problem})
	}
	role, tokenName, id := g.tokenRole(strings.TrimSpace(r.PostFormValue("token")))
	if role < roleAgent {
		again(http.StatusUnauthorized, "This token is not known. Ask whoever runs tabi for yours.")
		return
	}
	if tokenName != "" {
		name = tokenName
	}
	if !goodName(name) {
		again(http.StatusBadRequest, "Please give your name: it is shown on what you do.")
		return
	}
	g.signIn(w, name, id)
	http.Redirect(w, r, next, http.StatusSeeOther)
}

func (g *Gateway) logout(w http.ResponseWriter, r *http.Request) {
	g.signOut(w)
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

func goodName(name string) bool {
	return name != "" && len(name) <= 80 && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// localPath keeps only paths of this gateway, so that a sign-in leads nowhere else.
func localPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") ||
		strings.ContainsAny(next, "\\\r\n\t") {
		return "/inbox"
	}
	return next
}
