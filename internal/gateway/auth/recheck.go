package auth

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"go.uber.org/zap"
	"golang.org/x/oauth2"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// How a session ends whose account was disabled at the provider, or left its groups. Two ways, since providers differ:
//
//   - The provider is asked again every SessionCheck. A page that somebody opens then goes to the provider and back, with prompt=none: no
//     form is shown, and the answer is the person's groups of now, or an error, which ends the session. Every provider knows this, and
//     tabi keeps no token of anybody. A form cannot go by another site, so it is taken for SessionIdle more, as is what is no page.
//   - The provider says so itself (OpenID Connect Back-Channel Logout 1.0), if it can: then at once.
//
// A provider that is away ends no session: otherwise nobody could work while it is. It is asked again after awayPause.

const (
	awayPause   = 5 * time.Minute // between two tries to ask a provider that is away about a session
	logoutLate  = 5 * time.Minute // how old a logout token may be
	logoutSkew  = time.Minute     // between the clocks of the provider and of tabi
	logoutEvent = "http://schemas.openid.net/event/backchannel-logout"
)

// AskAgain returns the provider's address at which it says whether a stale session goes on, and sets the cookie of the question. next is
// where the browser goes afterwards. Empty: the provider is away, and the session goes on for a while.
func (a *Auth) AskAgain(w http.ResponseWriter, r *http.Request, p Principal, next string) (address string, err error) {
	s, err := a.Sessions.Session(r.Context(), p.SessionID)
	if err != nil {
		return "", err
	}
	wall := a.env.Wall()
	if a.OIDC.provider.alive(wall) {
		silently := []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("prompt", "none")}
		if s.Hint != "" { // which of several accounts of a browser
			silently = append(silently, oauth2.SetAuthURLParam("login_hint", s.Hint))
		}
		address, err = a.begin(w, next, s.ID, silently...)
		if err == nil || !errors.Is(err, ErrProviderAway) {
			return address, err
		}
	}
	a.env.Log.Warn("the identity provider cannot be asked whether a session goes on; it does for now", zap.String("subject", s.Subject),
		zap.Duration("again_after", awayPause))
	s.Checked = wall.Add(awayPause - a.SessionCheck)
	return "", a.Sessions.ConfirmSession(r.Context(), s)
}

// confirm ends a question to the provider about a session: who is what it answered, or refused why. A refusal ends the session.
func (a *Auth) confirm(r *http.Request, id string, who access.Session, refused error) error {
	ctx := r.Context()
	s, err := a.Sessions.Session(ctx, id)
	gone := &refusal{"ended", "Your session has ended. Please sign in again.", nil}
	if errors.Is(err, sqldb.ErrNotFound) {
		return gone
	}
	if err != nil {
		return err
	}
	no := new(refusal)
	switch {
	case refused != nil && !errors.As(refused, &no):
		return refused // the provider or the database is away: nothing is known
	case refused != nil && no.code == "provider_refused":
		no.text = a.OIDC.name() + " does not confirm any more that you are signed in. Please sign in again."
	case refused == nil && who.Subject != s.Subject:
		no = &refusal{"another_person", "Somebody else is signed in at " + a.OIDC.name() + " now. Please sign in again.", nil}
	case refused == nil:
		who.ID, who.Checked = s.ID, a.env.Wall()
		audit.Of(ctx).Skip()
		if err = a.Sessions.ConfirmSession(ctx, who); errors.Is(err, sqldb.ErrNotFound) {
			return gone
		}
		return err
	}
	audit.Of(ctx).By(s.Name, s.Subject, "")
	a.env.Log.Info("a session ended", zap.String("subject", s.Subject),
		zap.String("reason", "the identity provider does not confirm it: "+no.code), zap.NamedError("cause", no.cause))
	return errors.Join(no, a.Sessions.EndSession(ctx, s.ID))
}

// LogoutByProvider ends the sessions that a logout token of the provider names, and returns their number.
func (a *Auth) LogoutByProvider(r *http.Request) (n int64, problem *web.Error) {
	peer, now := a.env.Peer(r), a.env.Wall()
	if err := a.tries.refused(peer, byOIDC, now); err != nil {
		return 0, err
	}
	p, err := a.OIDC.provider.get(now, a.env.Log, PagePatience)
	if err != nil {
		return 0, &web.Error{Status: http.StatusServiceUnavailable, Code: "provider_away", Retry: 5,
			Message: "the identity provider's keys cannot be read now"}
	}
	subject, session, issued, err := a.logoutToken(r.Context(), p, r.PostFormValue("logout_token"), now)
	if err != nil {
		a.tries.fail(peer, byOIDC, "bad_logout_token", now)
		a.env.Log.Info("a logout token was refused", zap.Error(err))
		return 0, web.Bad("logout_token", "is not one of the identity provider for this client")
	}
	audit.Of(r.Context()).By(a.OIDC.name(), "oidc:"+a.OIDC.Issuer, "")
	audit.Of(r.Context()).Object("session", subject)
	if subject != "" {
		subject = oidcSubject(subject)
	}
	if n, err = a.Sessions.EndProvidersSessions(r.Context(), subject, session, issued.Add(logoutSkew)); err != nil {
		return 0, a.env.StoreError(r, err)
	}
	a.env.Log.Info("the identity provider ended sessions", zap.Int64("sessions", n), zap.String("subject", subject))
	return n, nil
}

// logoutToken checks a logout token and returns whom it names: a person, a session of the provider, or both. A token that is played again
// ends no session that began after it was issued.
func (a *Auth) logoutToken(ctx context.Context, p *oidc.Provider, raw string, now time.Time) (
	subject, session string, issued time.Time, err error,
) {
	verifier := p.VerifierContext(oidc.ClientContext(context.Background(), a.OIDC.provider.client),
		&oidc.Config{ClientID: a.OIDC.ClientID, SkipExpiryCheck: true}) // some have no expiry: iat is checked
	token, err := verifier.Verify(ctx, raw) // signature, issuer, audience
	if err != nil {
		return "", "", issued, err
	}
	var claims struct {
		Session string         `json:"sid"`
		Nonce   *string        `json:"nonce"`
		Events  map[string]any `json:"events"`
	}
	if err := token.Claims(&claims); err != nil {
		return "", "", issued, err
	}
	_, logout := claims.Events[logoutEvent].(map[string]any)
	switch {
	case !logout || claims.Nonce != nil:
		err = errors.New("it is a token of another kind")
	case token.Subject == "" && claims.Session == "":
		err = errors.New("it names nobody")
	case now.Sub(token.IssuedAt) > logoutLate+logoutSkew || token.IssuedAt.Sub(now) > logoutSkew,
		!token.Expiry.IsZero() && now.Sub(token.Expiry) > logoutSkew:
		err = errors.New("it is too old, or of the future: compare the clocks")
	}
	return token.Subject, claims.Session, token.IssuedAt, err
}
