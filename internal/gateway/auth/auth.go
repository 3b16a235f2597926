// Package auth identifies callers and checks what they may do: by write keys, tokens of agents and admins, and sessions of browsers.
package auth

import (
	"cmp"
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
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/signedlink"
)

// DevAgent is an agent's name if no token is needed and the agent has not entered a name.
const DevAgent = "agent"

// Token is a secret that opens pages or the admin API.
type Token struct {
	Value  string
	Name   string // of its holder, shown with actions; empty: people enter their names when they sign in
	Role   access.Role
	Queues []string // of an agent; empty: all
}

// Config of an Auth.
type Config struct {
	Keys   map[string]Key // write keys
	Tokens []Token        // of people and programs, with their roles
	Stored *Keys          // the API keys of the store; nil: none
	// Secrets seal sessions and user tokens, LinkSecrets the links in mails.
	Secrets, LinkSecrets signedlink.Secrets
	PublicURL            string // how browsers reach the gateway
	Sessions             Sessions
	SessionIdle          time.Duration // without use; default DefaultSessionIdle
	SessionLife          time.Duration // whatever its use; default DefaultSessionLife
	SessionCheck         time.Duration // after which the provider is asked again; default DefaultSessionCheck; negative: never
	OIDC                 *OIDC         // nil: people sign in by tokens only
	Dev                  bool          // answers only this machine, and asks for neither keys nor tokens
	Insecure             bool          // may start without keys and tokens; what has none is open to everyone
	Customers            Customers
}

// Customers knows how ids were joined; user tokens of visitors are checked with it.
type Customers interface {
	JoinedByWeb(ctx context.Context, id string) (bool, error)
}

// Auth identifies callers.
type Auth struct {
	Config
	Links signedlink.Links

	env    *web.Env
	tries  *tries
	keys   []namedKey
	origin *http.CrossOriginProtection
}

// New returns an Auth of a configuration that Check accepts.
func New(env *web.Env, c Config, metrics prometheus.Registerer) *Auth {
	c.SessionIdle, c.SessionLife = cmp.Or(c.SessionIdle, DefaultSessionIdle), cmp.Or(c.SessionLife, DefaultSessionLife)
	c.SessionCheck = cmp.Or(c.SessionCheck, DefaultSessionCheck)
	if c.OIDC != nil {
		o := *c.OIDC
		o.GroupsClaim, o.provider = cmp.Or(o.GroupsClaim, DefaultGroupsClaim), newProvider(o.Issuer)
		if len(o.Scopes) == 0 {
			o.Scopes = DefaultScopes
		}
		c.OIDC = &o
	}
	origin := http.NewCrossOriginProtection()
	if at := strings.Index(c.PublicURL, "://"); at > 0 {
		host, _, _ := strings.Cut(c.PublicURL[at+3:], "/")
		_ = origin.AddTrustedOrigin(c.PublicURL[:at+3] + host) // the configuration was checked; a bad one is trusted with nothing
	}
	return &Auth{
		Config: c, Links: signedlink.Links{PublicURL: c.PublicURL, Secrets: c.LinkSecrets, Users: c.Secrets},
		env: env, tries: newTries(env.Log, metrics), keys: digestKeys(c.Keys), origin: origin,
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
	for _, t := range c.Tokens {
		if t.Value == "" || !c.Dev && !c.Insecure && len(t.Value) < 16 {
			add("gateway: a token has %d bytes; it needs at least 16", len(t.Value))
		}
		if _, ok := access.ParseRole(string(t.Role)); !ok {
			add("gateway: the token of %q has the role %q; roles are %s", t.Name, t.Role, access.RoleNames())
		}
	}
	if c.OIDC != nil {
		problems = append(problems, c.OIDC.check()...)
	}
	if c.SessionIdle < 0 || c.SessionLife < 0 || c.SessionLife > 0 && c.SessionLife < c.SessionIdle {
		add("gateway: sessions end after %s without use and after %s at all: give positive limits, the first not above the second",
			c.SessionIdle, c.SessionLife)
	}
	if c.SessionCheck > 0 && c.SessionCheck < time.Second {
		add("gateway: the identity provider is asked about a session every %s: give at least 1s, since the answer takes a while",
			c.SessionCheck)
	}
	for name, k := range c.Keys {
		problems = append(problems, k.check(name)...)
	}
	return problems
}

// Kinds of principals: how a caller was identified.
const (
	KindToken   = "token"   // a bearer token of the configuration
	KindSession = "session" // a signed-in browser
	KindKey     = "key"     // an API key of the store
	KindOpen    = "open"    // nobody was asked: dev, or insecure without tokens
)

// Principal is the caller of a page or of the admin API.
type Principal struct {
	Kind    string      // one of the kinds; empty: nobody
	Name    string      // shown with actions; empty: people enter their names
	Subject string      // who it is, for logs: "token:Olga", the provider's subject; without secrets
	Role    access.Role // empty: may do nothing
	Queues  []string    // of an agent; empty: all
	// SessionID is set for KindSession. Stale says that the provider has to be asked again whether the session goes on.
	SessionID string
	Stale     bool
}

// May reports whether the caller has a permission.
func (p Principal) May(needs access.Permission) bool { return p.Role.May(needs) }

// MayWorkOn reports whether the caller may see the hand-offs of a queue.
func (p Principal) MayWorkOn(queue string) bool {
	return p.May(access.HandoffsWork) && (len(p.Queues) == 0 || slices.Contains(p.Queues, queue))
}

type principalKey struct{}

// PrincipalOf returns the caller that WithPrincipal put into a context.
func PrincipalOf(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}

// WithPrincipal puts the caller into a request's context, and into the entry of the audit log.
func WithPrincipal(r *http.Request, p Principal) *http.Request {
	name := p.Name
	if name == "" && p.Kind != KindOpen {
		name = string(p.Role) + " " + p.Kind // nobody has named the token
	}
	audit.Of(r.Context()).By(name, p.Subject, string(p.Role))
	return r.WithContext(context.WithValue(r.Context(), principalKey{}, p))
}

// WithoutPrincipal returns a request of nobody, for what is shown after a sign-out. The entry of the audit log keeps who it was.
func WithoutPrincipal(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), principalKey{}, Principal{}))
}

// Actor returns the name recorded with a command: the token's name or, if it has none, the name in the request.
func Actor(ctx context.Context, given string) string {
	if name := PrincipalOf(ctx).Name; name != "" {
		return name
	}
	if given != "" {
		audit.Of(ctx).As(given)
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

// Identify returns the caller of a request; the zero Principal: nobody. An error: the caller has to wait, or the database is away.
func (a *Auth) Identify(r *http.Request) (Principal, *web.Error) {
	open, away := a.Open(r)
	if away != nil {
		return Principal{}, away
	}
	if token := Bearer(r); token != "" {
		if open.Role == access.Nobody {
			c, err := a.try(r, byBearer, token)
			return c.Principal, err
		}
		if c, err := a.credential(r.Context(), token); err == nil && c.Role != access.Nobody {
			return c.Principal, nil
		}
	}
	if p, err := a.session(r); err != nil || p.Role != access.Nobody {
		return p, err
	}
	if open.Role != access.Nobody {
		open.Name = a.remembered(r)
	}
	return open, nil
}

// principal returns the caller that a token identifies.
func (t Token) principal(kind string) Principal {
	return Principal{Kind: kind, Name: t.Name, Subject: "token:" + t.Name, Role: t.Role, Queues: t.Queues}
}

// Open returns the caller whom nobody asks for a token: an admin in dev, and with Insecure where there is no token; otherwise nobody.
// An error: the store cannot say whether it has tokens.
func (a *Auth) Open(r *http.Request) (Principal, *web.Error) {
	admin := Principal{Kind: KindOpen, Subject: KindOpen, Role: access.Admin}
	if a.Dev {
		return admin, nil
	}
	if !a.Insecure || len(a.Tokens) > 0 || a.OIDC != nil {
		return Principal{}, nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), usedTimeout)
	defer cancel()
	stored, err := a.Stored.any(ctx, access.TokenKey)
	switch {
	case err != nil:
		return Principal{}, a.unreadable(r, err)
	case stored:
		return Principal{}, nil
	}
	return admin, nil
}

// tokenOf looks a token up by its digest, in constant time per configured token; nil: it is unknown.
func (a *Auth) tokenOf(digest string) (found *Token) {
	a.Secrets.Each(func(secret []byte) {
		for i := range a.Tokens {
			if subtle.ConstantTimeCompare([]byte(digest), []byte(digestBy(secret, a.Tokens[i].Value))) == 1 {
				found = &a.Tokens[i]
			}
		}
	})
	return found
}

// digest names a token in a session, without being it.
func (a *Auth) digest(token string) string { return digestBy(a.Secrets.First(), token) }

func digestBy(secret []byte, token string) string {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte("tabi token\x00" + token))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// CheckForm refuses a request that a browser sends from another site. A request with a bearer token passes: browsers do not add
// one on their own.
func (a *Auth) CheckForm(r *http.Request) *web.Error {
	if p := PrincipalOf(r.Context()); p.Kind == KindToken || p.Kind == KindKey {
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
			return a.StillVisitor(r, user)
		case errors.Is(err, signedlink.ErrExpired):
			return web.Unauthorized("the user token has expired; get a new one from your own server")
		}
	}
	return a.ServerKey(r)
}

// StillVisitor refuses a token for a visitor whom a web key has joined with a user since: a page chooses its visitor's id, so somebody
// else may hold the token.
func (a *Auth) StillVisitor(r *http.Request, user string) *web.Error {
	if !event.Anonymous(user) {
		return nil
	}
	joined, err := a.Customers.JoinedByWeb(r.Context(), user)
	switch {
	case err != nil:
		return a.env.StoreError(r, err)
	case joined:
		return web.Forbidden("userId", "this visitor has signed in as a user since: get a token for the user's id from your own server")
	}
	return nil
}
