// Package auth identifies callers and checks what they may do: by write keys, tokens of agents and admins, and sessions of browsers.
package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/signedlink"
)

// Roles of operators and agents; each may do what those before it may.
const (
	RoleNone = iota
	RoleAgent
	RoleAdmin
)

// DevAgent is an agent's name if no token is needed and the agent has not entered a name.
const DevAgent = "agent"

// Token is a secret that opens pages or the admin API.
type Token struct {
	Value string
	Name  string // of its holder, shown with actions; empty: agents enter their names when they sign in
}

// Config of an Auth.
type Config struct {
	Keys        map[string]Key // write keys
	AgentTokens []Token        // open the inbox and metrics
	AdminTokens []Token        // open the admin API too
	// Secrets seal sessions and user tokens, LinkSecrets the links in mails.
	Secrets, LinkSecrets signedlink.Secrets
	PublicURL            string // how browsers reach the gateway
	Dev                  bool   // answers only this machine, and asks for neither keys nor tokens
	Insecure             bool   // may start without keys and tokens; what has none is open to everyone
}

// Auth identifies callers.
type Auth struct {
	Config
	Links signedlink.Links

	env    *web.Env
	keys   []namedKey
	origin *http.CrossOriginProtection
}

// New returns an Auth of a configuration that Check accepts.
func New(env *web.Env, c Config) *Auth {
	origin := http.NewCrossOriginProtection()
	if at := strings.Index(c.PublicURL, "://"); at > 0 {
		host, _, _ := strings.Cut(c.PublicURL[at+3:], "/")
		_ = origin.AddTrustedOrigin(c.PublicURL[:at+3] + host) // the configuration was checked; a bad one is trusted with nothing
	}
	return &Auth{
		Config: c, Links: signedlink.Links{PublicURL: c.PublicURL, Secrets: c.LinkSecrets, Users: c.Secrets},
		env: env, keys: digestKeys(c.Keys), origin: origin,
	}
}

// Check reports everything that is wrong with the configuration.
func (c Config) Check() (problems []error) {
	add := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if c.Secrets.Empty() {
		add("gateway: there is no secret; set TABI_SECRET")
	}
	if c.LinkSecrets.Empty() {
		add("gateway: there is no secret for links; set TABI_LINK_SECRETS, or TABI_SECRET for both")
	}
	if !c.Dev && !c.Insecure {
		if len(c.Keys) == 0 {
			add("gateway: no write keys; set TABI_WRITE_KEYS, or --insecure to let everyone in")
		}
		if len(c.AgentTokens) == 0 {
			add("gateway: no agent token; set TABI_AGENT_TOKENS, or --insecure")
		}
		if len(c.AdminTokens) == 0 {
			add("gateway: no admin token; set TABI_ADMIN_TOKENS, or --insecure")
		}
	}
	for _, t := range slices.Concat(c.AgentTokens, c.AdminTokens) {
		if t.Value == "" || !c.Dev && !c.Insecure && len(t.Value) < 16 {
			add("gateway: a token has %d bytes; it needs at least 16", len(t.Value))
		}
	}
	for name, k := range c.Keys {
		problems = append(problems, k.check(name)...)
	}
	return problems
}

// Principal is the caller of a page or of the admin API.
type Principal struct {
	Role    int
	Name    string
	Session *Session // nil: by bearer token, or no token is needed
}

type principalKey struct{}

// PrincipalOf returns the caller that WithPrincipal put into a context.
func PrincipalOf(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}

// WithPrincipal puts the caller into a request's context.
func WithPrincipal(r *http.Request, p Principal) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), principalKey{}, p))
}

// Actor returns the name recorded with a command: the token's name or, if it has none, the name in the request.
func Actor(ctx context.Context, given string) string {
	if name := PrincipalOf(ctx).Name; name != "" {
		return name
	}
	if given != "" {
		return given
	}
	return "admin"
}

// Bearer returns the bearer token of a request.
func Bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// Identify returns the caller of a request.
func (a *Auth) Identify(r *http.Request) Principal {
	if role, name, _ := a.TokenRole(Bearer(r)); role > RoleNone {
		return Principal{Role: role, Name: name}
	}
	if s, ok := a.session(r); ok {
		if role := a.sessionRole(s); role > RoleNone {
			return Principal{Role: role, Name: s.Agent, Session: &s}
		}
	}
	return Principal{Role: a.OpenTo()}
}

// OpenTo returns the role that everyone has: all in dev; with Insecure, the roles that have no token.
func (a *Auth) OpenTo() int {
	switch {
	case a.Dev, a.Insecure && len(a.AdminTokens) == 0 && len(a.AgentTokens) == 0:
		return RoleAdmin
	case a.Insecure && len(a.AgentTokens) == 0:
		return RoleAgent
	}
	return RoleNone
}

// TokenRole looks a token up, in constant time per configured token. The digest names the token in a session.
func (a *Auth) TokenRole(token string) (role int, name, digest string) {
	if token == "" {
		return RoleNone, "", ""
	}
	digest = a.digest(token)
	a.eachToken(func(r int, t Token) {
		if subtle.ConstantTimeCompare([]byte(digest), []byte(a.digest(t.Value))) == 1 {
			role, name = r, t.Name
		}
	})
	if role == RoleNone {
		return RoleNone, "", ""
	}
	return role, name, digest
}

// sessionRole returns what a session may do now: its token must still be configured.
func (a *Auth) sessionRole(s Session) int {
	role := a.OpenTo()
	a.eachToken(func(r int, t Token) {
		if s.Token != "" && subtle.ConstantTimeCompare([]byte(s.Token), []byte(a.digest(t.Value))) == 1 {
			role = max(role, r)
		}
	})
	return role
}

func (a *Auth) eachToken(do func(role int, t Token)) {
	for _, t := range a.AgentTokens {
		do(RoleAgent, t)
	}
	for _, t := range a.AdminTokens {
		do(RoleAdmin, t)
	}
}

func (a *Auth) digest(token string) string {
	m := hmac.New(sha256.New, a.Secrets.First())
	m.Write([]byte("tabi token\x00" + token))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// CheckForm refuses a request that a browser sends from another site. A request with a bearer token passes: browsers do not add
// one on their own.
func (a *Auth) CheckForm(r *http.Request) *web.Error {
	if p := PrincipalOf(r.Context()); p.Session == nil && p.Role > RoleNone && Bearer(r) != "" {
		return nil
	}
	if err := a.origin.Check(r); err != nil {
		return web.Forbidden("csrf", "the form was sent from another site")
	}
	return nil
}

// MayRead lets a server key ask about every user, and a user token about its own user.
func (a *Auth) MayRead(r *http.Request, user string) *web.Error {
	if token := Bearer(r); token != "" {
		switch err := a.Links.CheckUserToken(token, user, a.env.Wall()); {
		case err == nil:
			return nil
		case errors.Is(err, signedlink.ErrExpired):
			return web.Unauthorized("the user token has expired; get a new one from your own server")
		}
	}
	return a.ServerKey(r)
}
