package app

import (
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
)

// SignIn configures how people sign in to the pages, besides tokens.
type SignIn struct {
	Issuer       string // of an OpenID Connect provider; empty: people sign in by tokens only
	ClientID     string
	ClientSecret Secret
	Scopes       string // separated by spaces or commas
	GroupsClaim  string
	Roles        string // see ParseRoles
	Label        string
	Idle, Life   time.Duration // of sessions; 0: the defaults of package auth
	Check        time.Duration // after which the provider is asked again whether a session goes on; 0: never
}

func (c *Config) signInSettings() []setting {
	str := func(p *string, def string) func(*pflag.FlagSet, string, string) {
		return func(fs *pflag.FlagSet, n, u string) { fs.StringVar(p, n, def, u) }
	}
	dur := func(p *time.Duration, def time.Duration) func(*pflag.FlagSet, string, string) {
		return func(fs *pflag.FlagSet, n, u string) { fs.DurationVar(p, n, def, u) }
	}
	s := &c.SignIn
	return []setting{
		{
			HTTP, "oidc-issuer", "TABI_OIDC_ISSUER",
			"URL of an OpenID Connect provider by which people sign in to the pages; empty: by tokens only",
			str(&s.Issuer, ""),
		},
		{HTTP, "oidc-client-id", "TABI_OIDC_CLIENT_ID", "tabi's client id at the provider", str(&s.ClientID, "")},
		{
			HTTP, "oidc-client-secret", "TABI_OIDC_CLIENT_SECRET", "tabi's secret at the provider; empty: a public client",
			func(fs *pflag.FlagSet, n, u string) { fs.Var(&s.ClientSecret, n, u) },
		},
		{
			HTTP, "oidc-scopes", "TABI_OIDC_SCOPES", "scopes to request, separated by spaces",
			str(&s.Scopes, strings.Join(auth.DefaultScopes, " ")),
		},
		{
			HTTP, "oidc-groups-claim", "TABI_OIDC_GROUPS_CLAIM", "claim with a person's groups; a.b is b within a",
			str(&s.GroupsClaim, auth.DefaultGroupsClaim),
		},
		{
			HTTP, "oidc-roles", "TABI_OIDC_ROLES",
			"roles of groups: a comma-separated list of group=role or group=agent:queue|queue, or @FILE with one per line",
			str(&s.Roles, ""),
		},
		{
			HTTP, "oidc-label", "TABI_OIDC_LABEL", "what the sign-in page calls the provider; empty: its host", str(&s.Label, ""),
		},
		{
			HTTP, "session-idle", "TABI_SESSION_IDLE", "how long a session lasts without use", dur(&s.Idle, auth.DefaultSessionIdle),
		},
		{
			HTTP, "session-life", "TABI_SESSION_LIFE", "how long a session lasts at all; then its person signs in again",
			dur(&s.Life, auth.DefaultSessionLife),
		},
		{
			HTTP, "session-check", "TABI_SESSION_CHECK",
			"how often the OIDC provider is asked whether a session goes on, and with which groups; 0: never",
			dur(&s.Check, auth.DefaultSessionCheck),
		},
	}
}

// OIDC returns the provider by which people sign in; nil: there is none.
func (s SignIn) OIDC() (*auth.OIDC, error) {
	roles, err := ParseRoles("oidc-roles", s.Roles)
	if err != nil {
		return nil, err
	}
	if s.Issuer == "" {
		if len(roles) > 0 || s.ClientID != "" || s.ClientSecret != "" {
			return nil, Usage("there are settings of an OIDC provider, but no --oidc-issuer (TABI_OIDC_ISSUER)")
		}
		return nil, nil
	}
	scopes := strings.FieldsFunc(s.Scopes, func(r rune) bool { return r == ' ' || r == ',' })
	return &auth.OIDC{
		Issuer: s.Issuer, ClientID: s.ClientID, ClientSecret: string(s.ClientSecret), Scopes: scopes, GroupsClaim: s.GroupsClaim,
		Roles: roles, Label: s.Label,
	}, nil
}

// ParseRoles reads `group=role` and `group=agent:queue|queue`, separated by commas, or with one a line. A group's name may have a =.
func ParseRoles(flag, text string) (out []auth.GroupRole, err error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	list, err := items(flag, text)
	if err != nil {
		return nil, err
	}
	for n, item := range list {
		at := strings.LastIndex(item, "=")
		if at < 1 {
			return nil, Usage("group %d of --%s has no role: write group=role or group=agent:queue|queue", n+1, flag)
		}
		name, list, hasQueues := strings.Cut(item[at+1:], ":")
		role, ok := access.ParseRole(name)
		if !ok {
			return nil, Usage("group %d of --%s: there is no role %q; roles are %s", n+1, flag, name, access.RoleNames())
		}
		g := auth.GroupRole{Group: strings.TrimSpace(item[:at]), Role: role}
		if hasQueues {
			if g.Queues, err = queues(role, list); err != nil {
				return nil, Usage("group %d of --%s: %w", n+1, flag, err)
			}
		}
		out = append(out, g)
	}
	return out, nil
}
