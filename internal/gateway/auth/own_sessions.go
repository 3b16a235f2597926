package auth

import (
	"context"
	"errors"
	"strings"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// ownLimit is how many sessions of one person are listed.
const ownLimit = 200

// OwnSessions returns the open sessions of the person whose session a request has, the latest used first; none: the request has no
// session. People who share a token without a name are told apart by the names that they have entered.
func (a *Auth) OwnSessions(ctx context.Context) (out []access.Session, err error) {
	p, wall := PrincipalOf(ctx), a.env.Wall()
	if p.SessionID == "" {
		return nil, nil
	}
	mine, err := a.Sessions.Session(ctx, p.SessionID)
	if errors.Is(err, sqldb.ErrNotFound) {
		return nil, nil // it has ended since
	}
	if err != nil {
		return nil, err
	}
	list, err := a.Sessions.SessionsOf(ctx, mine.Subject, wall, ownLimit)
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		if !a.samePerson(s, mine) {
			continue
		}
		switch now, _, err := a.standing(ctx, s, wall); {
		case err != nil:
			return nil, err
		case now.Role != access.Nobody: // others end when somebody uses them
			out = append(out, s)
		}
	}
	return out, nil
}

// samePerson reports whether two sessions of one subject are of one person.
func (a *Auth) samePerson(one, two access.Session) bool {
	switch {
	case one.Subject != two.Subject || one.Way != two.Way:
		return false
	case one.Way == access.ByOIDC:
		return true // the subject is the provider's id of the person
	case one.Way == access.ByToken && a.tokenOf(one.Token) != a.tokenOf(two.Token):
		return false
	}
	return one.Name == two.Name
}

// EndOwnSession ends one session of the person whose session a request has, or all but this one if id is empty, and returns how many. A
// session of somebody else is left, and not counted.
func (a *Auth) EndOwnSession(ctx context.Context, id string) (n int, err error) {
	list, err := a.OwnSessions(ctx)
	if err != nil {
		return 0, err
	}
	p := PrincipalOf(ctx)
	for _, s := range list {
		if id != "" && s.ID != id || id == "" && s.ID == p.SessionID {
			continue
		}
		if err := a.Sessions.EndSession(ctx, s.ID); err != nil {
			return n, err
		}
		n++
	}
	a.env.Log.Info("somebody ended own sessions", zap.Int("sessions", n), zap.String("subject", p.Subject))
	return n, nil
}

// browserOf returns what a User-Agent header says of browser and system, as in "Firefox on Linux", for people who look for their own
// browser in a list; empty: nothing that is known. Order matters, since browsers name those that they resemble.
func browserOf(header string) string {
	first := func(names ...string) string {
		for _, name := range names {
			mark, shown, _ := strings.Cut(name, "=")
			if strings.Contains(header, mark) {
				return shown
			}
		}
		return ""
	}
	browser := first("Edg=Edge", "OPR/=Opera", "Firefox/=Firefox", "Chrome/=Chrome", "CriOS/=Chrome", "FxiOS/=Firefox", "Safari/=Safari",
		"curl/=curl")
	system := first("Windows=Windows", "iPhone=iPhone", "iPad=iPad", "Android=Android", "Mac OS X=macOS", "CrOS=ChromeOS", "Linux=Linux")
	if browser != "" && system != "" {
		return browser + " on " + system
	}
	return browser + system
}
