package gateway

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tabi-journeys/tabi/internal/signedlink"
)

// Roles of people; each may do what those before it may.
const (
	roleNone = iota
	roleAgent
	roleAdmin
)

const (
	sessionCookie = "tabi_session"
	sessionLife   = 12 * time.Hour // wall time
	devAgent      = "agent"        // who acts in dev, until they say otherwise
)

// session is a person who signed in; sealed, it is the cookie.
type session struct {
	ID    string `json:"id"`
	Agent string `json:"agent"`
	Token string `json:"token"` // which token opened it: the session ends when the token is withdrawn
	Until int64  `json:"until"` // wall, Unix seconds
}

// person is who makes a request to a page or to the admin API.
type person struct {
	role    int
	name    string
	session *session // nil: by bearer token
}

type personKey struct{}

func personOf(r *http.Request) person {
	p, _ := r.Context().Value(personKey{}).(person)
	return p
}

func withPerson(r *http.Request, p person) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), personKey{}, p))
}

// actor is who gave an order, for the record: the token's name, or who the caller says it is.
func (g *Gateway) actor(r *http.Request, said string) string {
	if name := personOf(r).name; name != "" {
		return name
	}
	if said != "" {
		return said
	}
	return "admin"
}

// sealer makes and opens cookies and form tokens.
type sealer struct{ secret []byte }

func newSealer(secret []byte) sealer { return sealer{slices.Clone(secret)} }

func (s sealer) cookie(in session) string {
	data, err := json.Marshal(in)
	if err != nil {
		return "" // texts and numbers always marshal
	}
	return signedlink.Seal(s.secret, "session v1", data)
}

func (s sealer) open(cookie string) (session, bool) {
	var out session
	data, err := signedlink.Unseal(s.secret, "session v1", cookie)
	if err != nil || json.Unmarshal(data, &out) != nil {
		return session{}, false
	}
	return out, true
}

func (s sealer) mac(purpose, text string) string {
	m := hmac.New(sha256.New, s.secret)
	m.Write([]byte("tabi " + purpose + "\x00" + text))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// csrf is the form token of a session.
func (s sealer) csrf(in *session) string { return s.mac("csrf", in.ID) }

// tokenRole looks a token up, in constant time per configured token.
func (g *Gateway) tokenRole(given string) (role int, name, id string) {
	if given == "" {
		return roleNone, "", ""
	}
	digest := g.sealer.mac("token", given)
	for _, list := range []struct {
		role   int
		tokens []Token
	}{{roleAgent, g.cfg.AgentTokens}, {roleAdmin, g.cfg.AdminTokens}} {
		for _, t := range list.tokens {
			if subtle.ConstantTimeCompare([]byte(digest), []byte(g.sealer.mac("token", t.Value))) == 1 {
				role, name, id = list.role, t.Name, digest
			}
		}
	}
	return role, name, id
}

// openTo is the role that everyone has: in Dev all, with Insecure what has no token.
func (g *Gateway) openTo() int {
	switch {
	case g.cfg.Dev, g.cfg.Insecure && len(g.cfg.AdminTokens) == 0 && len(g.cfg.AgentTokens) == 0:
		return roleAdmin
	case g.cfg.Insecure && len(g.cfg.AgentTokens) == 0:
		return roleAgent
	}
	return roleNone
}

// identify finds who makes a request.
func (g *Gateway) identify(r *http.Request) person {
	if role, name, _ := g.tokenRole(bearer(r)); role > roleNone {
		return person{role: role, name: name}
	}
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		if s, ok := g.sealer.open(cookie.Value); ok && g.wall().Unix() < s.Until {
			if role := g.sessionRole(s); role > roleNone {
				return person{role: role, name: s.Agent, session: &s}
			}
		}
	}
	return person{role: g.openTo()}
}

// sessionRole is what a session may do now: its token must still be one.
func (g *Gateway) sessionRole(s session) int {
	role := g.openTo()
	for _, list := range []struct {
		role   int
		tokens []Token
	}{{roleAgent, g.cfg.AgentTokens}, {roleAdmin, g.cfg.AdminTokens}} {
		for _, t := range list.tokens {
			if s.Token != "" && subtle.ConstantTimeCompare([]byte(s.Token), []byte(g.sealer.mac("token", t.Value))) == 1 {
				role = max(role, list.role)
			}
		}
	}
	return role
}

// signIn sets the cookie of a new session.
func (g *Gateway) signIn(w http.ResponseWriter, agent, tokenID string) *session {
	s := session{ID: uuid.NewString(), Agent: agent, Token: tokenID, Until: g.wall().Add(sessionLife).Unix()}
	g.setSession(w, s)
	return &s
}

func (g *Gateway) setSession(w http.ResponseWriter, s session) {
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: g.sealer.cookie(s), Path: "/", MaxAge: int(sessionLife / time.Second),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: strings.HasPrefix(g.cfg.PublicURL, "https:"),
	})
}

func (g *Gateway) signOut(w http.ResponseWriter) {
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Path: "/", MaxAge: -1,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: strings.HasPrefix(g.cfg.PublicURL, "https:"),
	})
}

// devOnly guards a gateway that asks for no token: only this machine may talk to it, and only pages of this
// machine may make it act. Host is checked against DNS rebinding, Origin against pages that post from
// elsewhere.
func (g *Gateway) devOnly(r *http.Request) *fail {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return forbidden("", "in dev only this machine is answered; use tabi serve to be reached from elsewhere")
	}
	if !loopbackHost(r.Host) {
		return forbidden("", "in dev the Host must be localhost; this one is not")
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || !loopbackHost(u.Host) {
			return forbidden("", "in dev only pages of this machine may call")
		}
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" && r.Method != http.MethodGet && r.Method != http.MethodHead {
		return forbidden("", "in dev only pages of this machine may call")
	}
	return nil
}

func loopbackHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// checkForm guards a form of a page: the session's own token, and an Origin that is this gateway's.
func (g *Gateway) checkForm(r *http.Request) *fail {
	if origin := r.Header.Get("Origin"); origin != "" && origin != g.origin() {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || u.Host != r.Host {
			return forbidden("", "the form was sent from another site")
		}
	}
	p := personOf(r)
	if p.session == nil {
		if bearer(r) != "" && p.role > roleNone {
			return nil // no browser adds this header by itself
		}
		return forbidden("csrf", "the page is too old; load it again and repeat")
	}
	if subtle.ConstantTimeCompare([]byte(r.PostFormValue("csrf")), []byte(g.sealer.csrf(p.session))) != 1 {
		return forbidden("csrf", "the page is too old; load it again and repeat")
	}
	return nil
}

func (g *Gateway) origin() string {
	u, err := url.Parse(g.cfg.PublicURL)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
