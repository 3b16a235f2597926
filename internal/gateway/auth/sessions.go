package auth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Limits of sessions (wall time), unless configured otherwise.
const (
	DefaultSessionIdle = 30 * time.Minute
	DefaultSessionLife = 12 * time.Hour
	// DefaultSessionCheck is how long a provider's word is taken that somebody is signed in there and in which groups.
	DefaultSessionCheck = 15 * time.Minute
)

// ReloadParam marks requests of pages that reload by themselves. They show that a page is open, not that a person is there.
const ReloadParam = "reload"

// Sessions are kept by a Room of package access.
type Sessions interface {
	AddSession(ctx context.Context, one access.Session) error
	Session(ctx context.Context, id string) (access.Session, error)
	SessionSeen(ctx context.Context, id string, wall time.Time) error
	EndSession(ctx context.Context, id string) error
	ConfirmSession(ctx context.Context, one access.Session) error
	EndProvidersSessions(ctx context.Context, subject, provider string, until time.Time) (int64, error)
	SessionsOf(ctx context.Context, subject string, wall time.Time, limit int) ([]access.Session, error)
}

// cookieName returns a name of a cookie. The prefix makes browsers refuse the cookie from other hosts of the domain and over http; under
// http itself they would refuse ours too.
func (a *Auth) cookieName(name string) string {
	if a.https() {
		return "__Host-" + name
	}
	return name
}

func (a *Auth) https() bool { return strings.HasPrefix(a.PublicURL, "https:") }

const (
	sessionCookie = "tabi_session"
	nameCookie    = "tabi_name" // where nobody asks for a token: the name that the person has entered. It permits nothing
)

func (a *Auth) setCookie(w http.ResponseWriter, name, value string, life time.Duration, site http.SameSite) {
	age := int(life / time.Second)
	if value == "" {
		age = -1
	}
	http.SetCookie(w, &http.Cookie{
		Name: a.cookieName(name), Value: value, Path: "/", MaxAge: age, HttpOnly: true, SameSite: site, Secure: a.https(),
	})
}

func (a *Auth) cookie(r *http.Request, name string) string {
	c, err := r.Cookie(a.cookieName(name))
	if err != nil {
		return ""
	}
	return c.Value
}

// session returns the caller whose session's cookie a request has; the zero Principal: there is none, it has ended, or its role was
// taken away.
func (a *Auth) session(r *http.Request) (Principal, *web.Error) {
	value := a.cookie(r, sessionCookie)
	if value == "" {
		return Principal{}, nil
	}
	ctx, wall := r.Context(), a.env.Wall()
	s, err := a.Sessions.Session(ctx, access.SessionID(value))
	if errors.Is(err, sqldb.ErrNotFound) {
		return Principal{}, nil
	}
	if err != nil {
		return Principal{}, a.env.StoreError(r, err)
	}
	p, over, err := a.standing(ctx, s, wall)
	if err != nil {
		return Principal{}, a.unreadable(r, err)
	}
	if over != "" {
		a.env.Log.Info("a session ended", zap.String("subject", s.Subject), zap.String("reason", over))
		if err := a.Sessions.EndSession(ctx, s.ID); err != nil {
			return Principal{}, a.env.StoreError(r, err)
		}
		return Principal{}, nil
	}
	if wall.Sub(s.Seen) >= access.SeenEvery && r.URL.Query().Get(ReloadParam) == "" {
		if err := a.Sessions.SessionSeen(ctx, s.ID, wall); err != nil {
			return Principal{}, a.env.StoreError(r, err)
		}
	}
	return p, nil
}

// Standing returns who a session is now; the zero Principal: it is over.
func (a *Auth) Standing(ctx context.Context, s access.Session) (Principal, error) {
	p, _, err := a.standing(ctx, s, a.env.Wall())
	return p, err
}

// standing returns who a session is now, by the tokens and the roles of today, or why it is over.
func (a *Auth) standing(ctx context.Context, s access.Session, wall time.Time) (p Principal, over string, err error) {
	switch {
	case !wall.Before(s.Ends) || wall.Sub(s.Created) >= a.SessionLife:
		return p, "its absolute limit has passed", nil
	case wall.Sub(s.Seen) >= a.SessionIdle:
		return p, "it was not used for a while", nil
	}
	p = Principal{Kind: KindSession, Name: s.Name, Subject: s.Subject, SessionID: s.ID}
	switch s.Way {
	case access.ByToken:
		t := a.tokenOf(s.Token)
		if t == nil {
			return Principal{}, "its token was withdrawn", nil
		}
		p.Role, p.Queues = t.Role, t.Queues
	case access.ByKey:
		k, err := a.Stored.token(ctx, s.Token)
		if err != nil {
			return Principal{}, "", err
		}
		if k == nil {
			return Principal{}, "its token was revoked", nil
		}
		p.Role, p.Queues = k.Scope.Role, k.Scope.Queues
	case access.ByOIDC:
		if a.OIDC == nil {
			return Principal{}, "there is no identity provider any more", nil
		}
		if p.Role, p.Queues, _ = a.OIDC.roleOf(s.Groups); p.Role == access.Nobody {
			return Principal{}, "none of its groups has a role any more", nil
		}
		if unsure := wall.Sub(s.Checked) - a.SessionCheck; a.SessionCheck > 0 && unsure >= 0 {
			if p.Stale = true; unsure >= a.SessionIdle {
				return Principal{}, "the identity provider could not be asked about it", nil
			}
		}
	default:
		return Principal{}, "it is unknown how it began", nil
	}
	return p, "", nil
}

// signIn begins a session and sets its cookie. The id is new, so that an id that was known before the sign-in opens nothing; the session
// that the browser had ends.
func (a *Auth) signIn(w http.ResponseWriter, r *http.Request, s access.Session) error {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails
	value := base64.RawURLEncoding.EncodeToString(raw[:])
	s.ID, s.Created, s.Peer = access.SessionID(value), a.env.Wall(), a.env.Peer(r).String()
	s.Browser = browserOf(r.UserAgent())
	s.Seen, s.Checked, s.Ends = s.Created, s.Created, s.Created.Add(a.SessionLife)
	if old := a.cookie(r, sessionCookie); old != "" {
		if err := a.Sessions.EndSession(r.Context(), access.SessionID(old)); err != nil {
			return err
		}
	}
	if err := a.Sessions.AddSession(r.Context(), s); err != nil {
		return err
	}
	p, _, err := a.standing(r.Context(), s, s.Created)
	if err != nil {
		return err
	}
	audit.Of(r.Context()).By(s.Name, s.Subject, string(p.Role))
	a.env.Log.Info("somebody signed in", zap.String("way", s.Way), zap.String("subject", s.Subject),
		zap.String("role", string(p.Role)), zap.Strings("queues", p.Queues), zap.String("peer", s.Peer))
	a.setCookie(w, sessionCookie, value, a.SessionLife, http.SameSiteStrictMode)
	return nil
}

// SignIn begins a session by a token that Try has found.
func (a *Auth) SignIn(w http.ResponseWriter, r *http.Request, c Credential, name string) error {
	return a.signIn(w, r, access.Session{Way: c.way, Subject: c.Subject, Name: name, Token: c.ref})
}

// SignOut ends the session of a request and removes its cookie.
func (a *Auth) SignOut(w http.ResponseWriter, r *http.Request) error {
	a.setCookie(w, nameCookie, "", 0, http.SameSiteStrictMode)
	p := PrincipalOf(r.Context())
	if p.SessionID == "" {
		return nil
	}
	if err := a.Sessions.EndSession(r.Context(), p.SessionID); err != nil {
		return err
	}
	a.env.Log.Info("somebody signed out", zap.String("subject", p.Subject))
	a.setCookie(w, sessionCookie, "", 0, http.SameSiteStrictMode)
	return nil
}

// Remember keeps the name of a person whom nobody asks for a token.
func (a *Auth) Remember(w http.ResponseWriter, name string) {
	a.setCookie(w, nameCookie, base64.RawURLEncoding.EncodeToString([]byte(name)), a.SessionLife, http.SameSiteStrictMode)
}

// remembered returns the name that Remember has kept.
func (a *Auth) remembered(r *http.Request) string {
	name, err := base64.RawURLEncoding.DecodeString(a.cookie(r, nameCookie))
	if err != nil || !GoodName(string(name)) {
		return ""
	}
	return string(name)
}

// GoodName reports whether a name is acceptable.
func GoodName(name string) bool {
	return name != "" && len(name) <= 80 && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f })
}
