package auth

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

const (
	sessionCookie = "tabi_session"
	// SessionLife is how long a session lasts (wall time).
	SessionLife = 12 * time.Hour
)

// Session is a signed-in agent. Sealed, it is the cookie.
type Session struct {
	ID    string `json:"id"`
	Agent string `json:"agent"`
	Token string `json:"token"` // digest of the token that opened it: the session ends when the token is withdrawn
	Until int64  `json:"until"` // wall, Unix seconds
}

// session opens the cookie of a request.
func (a *Auth) session(r *http.Request) (Session, bool) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return Session{}, false
	}
	data, err := a.Secrets.Unseal("session v1", cookie.Value)
	var s Session
	if err != nil || json.Unmarshal(data, &s) != nil || a.env.Wall().Unix() >= s.Until {
		return Session{}, false
	}
	return s, true
}

// SignIn sets the cookie of a new session.
func (a *Auth) SignIn(w http.ResponseWriter, agent, tokenDigest string) {
	a.SetSession(w, Session{ID: uuid.NewString(), Agent: agent, Token: tokenDigest, Until: a.env.Wall().Add(SessionLife).Unix()})
}

// SetSession sets the cookie of a session.
func (a *Auth) SetSession(w http.ResponseWriter, s Session) {
	data, err := json.Marshal(s)
	if err != nil {
		return // strings and numbers always marshal
	}
	a.setCookie(w, a.Secrets.Seal("session v1", data), int(SessionLife/time.Second))
}

// SignOut removes the cookie.
func (a *Auth) SignOut(w http.ResponseWriter) { a.setCookie(w, "", -1) }

func (a *Auth) setCookie(w http.ResponseWriter, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: strings.HasPrefix(a.PublicURL, "https:"),
	})
}

// GoodName reports whether a name is acceptable.
func GoodName(name string) bool {
	return name != "" && len(name) <= 80 && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f })
}
