package auth

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"go.uber.org/zap"
	"golang.org/x/oauth2"

	"github.com/tabi-journeys/tabi/internal/access"
)

// GroupRole is the role of the people in a group of the identity provider.
type GroupRole struct {
	Group  string
	Role   access.Role
	Queues []string // of agents; empty: all
}

// OIDC configures sign-in by an OpenID Connect provider: authorization code with PKCE, state and nonce.
type OIDC struct {
	Issuer       string // https, or http on this machine
	ClientID     string
	ClientSecret string      // empty: a public client
	Scopes       []string    // default: openid, profile, email
	GroupsClaim  string      // default: groups; a.b is b within a
	Roles        []GroupRole // who has no group in it does not get in
	Label        string      // what the sign-in page calls the provider; default: its host

	provider *provider
}

// Names and limits of a sign-in by a provider.
const (
	DefaultGroupsClaim = "groups"
	CallbackPath       = "/login/callback" // where the provider sends browsers back
	flowCookie         = "tabi_signin"
	flowLife           = 10 * time.Minute // to enter a password and a second factor
	providerTimeout    = 10 * time.Second
	PagePatience       = 3 * time.Second // how long a page waits for the provider
	providerRetry      = 5 * time.Second // between two tries to reach a provider that is away
	providerBody       = 1 << 20         // bytes of an answer
)

// DefaultScopes are requested unless configured otherwise.
var DefaultScopes = []string{oidc.ScopeOpenID, "profile", "email"}

// ErrProviderAway says that the provider cannot be reached. Tokens work all the same.
var ErrProviderAway = errors.New("the identity provider cannot be reached")

func (o *OIDC) check() (problems []error) {
	add := func(format string, args ...any) { problems = append(problems, fmt.Errorf("gateway: "+format, args...)) }
	u, err := url.Parse(o.Issuer)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		add("the OIDC issuer %q is not an https URL (TABI_OIDC_ISSUER)", o.Issuer)
	case u.Scheme == "http" && !loopbackHost(u.Host):
		add("the OIDC issuer %s must be reached by https: who is between could sign anybody in (TABI_OIDC_ISSUER)", u.Redacted())
	}
	if o.ClientID == "" {
		add("an OIDC issuer needs a client id (TABI_OIDC_CLIENT_ID)")
	}
	if len(o.Roles) == 0 {
		add("an OIDC issuer needs groups with roles, or nobody gets in (TABI_OIDC_ROLES)")
	}
	return problems
}

// roleOf returns the strongest role of the groups, and an agent's queues in all of them; empty: all queues. known are the groups that
// have a role.
func (o *OIDC) roleOf(groups []string) (role access.Role, queues, known []string) {
	all := false
	for _, g := range o.Roles {
		if !slices.Contains(groups, g.Group) {
			continue
		}
		known = append(known, g.Group)
		role = access.Stronger(role, g.Role)
		if g.Role == access.Agent {
			all = all || len(g.Queues) == 0
			queues = append(queues, g.Queues...)
		}
	}
	if role != access.Agent || all {
		queues = nil
	}
	return role, queues, known
}

// name returns what people call the provider.
func (o *OIDC) name() string {
	u, err := url.Parse(o.Issuer)
	if err != nil {
		return cmp.Or(o.Label, "single sign-on")
	}
	return cmp.Or(o.Label, u.Hostname())
}

// Provider reports whether people can sign in by a provider now, and waits for patience to find out. name is what to call it; empty: none
// is configured.
func (a *Auth) Provider(patience time.Duration) (name string, err error) {
	if a.OIDC == nil {
		return "", nil
	}
	_, err = a.OIDC.provider.get(a.env.Wall(), a.env.Log, patience)
	return a.OIDC.name(), err
}

// flow is a sign-in that has begun. Sealed, it is a cookie.
type flow struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	Next     string `json:"next"`
	Until    int64  `json:"until"` // wall, Unix seconds
	// Session is the id of the session that the provider is asked about; empty: somebody signs in.
	Session string `json:"session,omitempty"`
}

func (a *Auth) oauth(p *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{
		ClientID: a.OIDC.ClientID, ClientSecret: a.OIDC.ClientSecret, Endpoint: p.Endpoint(),
		RedirectURL: a.PublicURL + CallbackPath, Scopes: a.OIDC.Scopes,
	}
}

// BeginOIDC sets the cookie of a new sign-in and returns the provider's address for it. next is where the browser goes afterwards.
func (a *Auth) BeginOIDC(w http.ResponseWriter, next string) (address string, err error) {
	return a.begin(w, next, "")
}

// begin sets the cookie of a new flow, about a session or none, and returns the provider's address for it.
func (a *Auth) begin(w http.ResponseWriter, next, session string, more ...oauth2.AuthCodeOption) (address string, err error) {
	p, err := a.OIDC.provider.get(a.env.Wall(), a.env.Log, PagePatience)
	if err != nil {
		return "", err
	}
	f := flow{
		State: oauth2.GenerateVerifier(), Nonce: oauth2.GenerateVerifier(), Verifier: oauth2.GenerateVerifier(),
		Next: next, Until: a.env.Wall().Add(flowLife).Unix(), Session: session,
	}
	data, err := json.Marshal(f)
	if err != nil {
		return "", err
	}
	// Lax: the browser comes back from the provider's site.
	a.setCookie(w, flowCookie, a.Secrets.Seal("sign-in v1", data), flowLife, http.SameSiteLaxMode)
	more = append(more, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier))
	return a.oauth(p).AuthCodeURL(f.State, more...), nil
}

// refusal is why a sign-in by a provider failed: a code for the counter, and words for the person.
type refusal struct {
	code, text string
	cause      error
}

// Refusal returns what to say to a person whose sign-in by a provider was refused; false: err is something else.
func Refusal(err error) (text string, ok bool) {
	var no *refusal
	if errors.As(err, &no) {
		return no.text, true
	}
	return "", false
}

func (r *refusal) Error() string { return r.text }
func (r *refusal) Unwrap() error { return r.cause }

// FinishOIDC ends a sign-in: it exchanges the code that the browser comes back with, checks the identity, and begins a session, or
// confirms the one that the provider was asked about. next is where the browser goes. A refused sign-in is counted as a failed try; the
// text of a refusal is for the person.
func (a *Auth) FinishOIDC(w http.ResponseWriter, r *http.Request) (next string, err error) {
	f, err := a.flowOf(r)
	a.setCookie(w, flowCookie, "", 0, http.SameSiteLaxMode) // it is used up, whatever comes of it
	peer, now := a.env.Peer(r), a.env.Wall()
	if early := a.tries.refused(peer, byOIDC, now); early != nil {
		return "", early
	}
	var who access.Session
	if err == nil {
		if who, err = a.identity(r, f); f.Session != "" {
			return f.Next, a.confirm(r, f.Session, who, err)
		}
	}
	var no *refusal
	if errors.As(err, &no) {
		a.tries.fail(peer, byOIDC, no.code, now)
		if no.cause != nil {
			a.env.Log.Info("the identity provider's answer was refused", zap.String("reason", no.code), zap.Error(no.cause))
		}
		return "", err
	}
	if err != nil {
		return "", err
	}
	return f.Next, a.signIn(w, r, who)
}

// flowOf returns the sign-in that the browser has begun.
func (a *Auth) flowOf(r *http.Request) (f flow, err error) {
	data, err := a.Secrets.Unseal("sign-in v1", a.cookie(r, flowCookie))
	if err != nil || json.Unmarshal(data, &f) != nil || a.env.Wall().Unix() >= f.Until {
		return f, &refusal{"no_flow", "This sign-in was not begun in this browser, or took too long. Please sign in again.", nil}
	}
	if subtle.ConstantTimeCompare([]byte(f.State), []byte(r.URL.Query().Get("state"))) != 1 {
		return f, &refusal{"wrong_state", "This answer belongs to another sign-in. Please sign in again.", nil}
	}
	return f, nil
}

// identity exchanges the code and returns the session of whom the provider names.
func (a *Auth) identity(r *http.Request, f flow) (s access.Session, err error) {
	query := r.URL.Query()
	if code := query.Get("error"); code != "" {
		return s, &refusal{"provider_refused", "The identity provider did not sign you in.", fmt.Errorf("it says %.100q", code)}
	}
	if from := query.Get("iss"); from != "" && from != a.OIDC.Issuer {
		return s, &refusal{"foreign_issuer", "This answer is from another identity provider.", nil}
	}
	p, err := a.OIDC.provider.get(a.env.Wall(), a.env.Log, PagePatience)
	if err != nil {
		return s, err
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(r.Context(), a.OIDC.provider.client), 2*providerTimeout)
	defer cancel()
	tokens, err := a.oauth(p).Exchange(ctx, query.Get("code"), oauth2.VerifierOption(f.Verifier))
	if err != nil {
		if answered := new(oauth2.RetrieveError); errors.As(err, &answered) && answered.Response.StatusCode < 500 {
			return s, &refusal{"bad_code", "The identity provider does not accept this answer any more. Please sign in again.",
				fmt.Errorf("it says %.100q", answered.ErrorCode)}
		}
		return s, fmt.Errorf("%w: %w", ErrProviderAway, withoutURL(err))
	}
	raw, _ := tokens.Extra("id_token").(string)
	verifier := p.VerifierContext(oidc.ClientContext(context.Background(), a.OIDC.provider.client),
		&oidc.Config{ClientID: a.OIDC.ClientID, Now: a.env.Wall})
	id, err := verifier.Verify(ctx, raw) // signature, issuer, audience, expiry
	if late := new(oidc.TokenExpiredError); errors.As(err, &late) {
		return s, &refusal{"bad_id_token", "The identity provider's answer has expired already: its clock or the one of this server " +
			"is wrong. Tell the person who runs tabi.", err}
	}
	if err != nil {
		return s, &refusal{"bad_id_token", "The identity provider's answer cannot be trusted. The log has the reason.", err}
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(f.Nonce)) != 1 {
		return s, &refusal{"wrong_nonce", "This answer belongs to another sign-in. Please sign in again.", nil}
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(tokens.AccessToken); err != nil {
			return s, &refusal{"bad_id_token", "The identity provider's answer cannot be trusted. The log has the reason.", err}
		}
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return s, &refusal{"bad_id_token", "The identity provider's answer cannot be read.", err}
	}
	if _, ok := claimAt(claims, a.OIDC.GroupsClaim); !ok { // some providers say the groups there only
		info, err := p.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
		if err == nil && info.Subject != id.Subject {
			err = errors.New("it is about somebody else")
		}
		if err == nil {
			err = info.Claims(&claims) // adds to what the token says
		}
		if err != nil {
			a.env.Log.Info("the identity provider's user info could not be used", zap.Error(withoutURL(err)))
		}
	}
	role, _, known := a.OIDC.roleOf(groupsOf(claims, a.OIDC.GroupsClaim))
	s = access.Session{
		Way: access.ByOIDC, Subject: oidcSubject(id.Subject), Name: personName(claims, id.Subject), Groups: known,
		Provider: textClaim(claims, "sid"), Hint: cmp.Or(textClaim(claims, "login_hint"), textClaim(claims, "email"),
			textClaim(claims, "preferred_username")),
	}
	if role == access.Nobody {
		return s, &refusal{"no_role", "You are signed in at " + a.OIDC.name() + ", but none of your groups has a role here. " +
			"Ask the person who runs tabi.", fmt.Errorf("subject %q", id.Subject)}
	}
	return s, nil
}

// withoutURL drops the address of a failed request, which may hold a password.
func withoutURL(err error) error {
	if u := new(url.Error); errors.As(err, &u) {
		return u.Err
	}
	return err
}

// EndAtProvider returns the address at which a person ends the session at the provider too; empty: the provider has none.
func (a *Auth) EndAtProvider() string {
	if a.OIDC == nil {
		return ""
	}
	p, err := a.OIDC.provider.get(a.env.Wall(), a.env.Log, PagePatience)
	if err != nil {
		return ""
	}
	var more struct {
		End string `json:"end_session_endpoint"`
	}
	if p.Claims(&more) != nil || more.End == "" {
		return ""
	}
	u, err := url.Parse(more.End)
	if err != nil || u.Scheme != "https" && !loopbackHost(u.Host) {
		return ""
	}
	q := u.Query()
	q.Set("client_id", a.OIDC.ClientID)
	q.Set("post_logout_redirect_uri", a.PublicURL+"/login")
	u.RawQuery = q.Encode()
	return u.String()
}
