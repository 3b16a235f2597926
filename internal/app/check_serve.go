package app

import (
	"context"
	"crypto/hmac"
	"errors"
	"net/url"
	"slices"
	"strings"

	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/credential"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// CheckCredentials refuses secrets that are weak, that stand in documents and samples, or that two settings share. With Insecure it
// logs them. It covers every secret that the command knows, whatever it is for.
func (c *Config) CheckCredentials(log *zap.Logger) error {
	problems := c.WeakCredentials()
	if len(problems) == 0 {
		return nil
	}
	if c.Insecure {
		log.Warn("weak or shared credentials are accepted, because of --insecure", zap.Errors("problems", problems))
		return nil
	}
	return Usage("weak or shared credentials stop the start, unless --insecure is set:\n%w", errors.Join(problems...))
}

// credentials returns every secret value of the settings, with its variable.
func (c *Config) credentials() (out []credential.Named) {
	add := func(name, value string, lenient bool) {
		if value != "" {
			out = append(out, credential.Named{Setting: name, Value: value, Lenient: lenient})
		}
	}
	for _, list := range []struct {
		name string
		text Secret
	}{{"TABI_SECRET", c.Secret}, {"TABI_LINK_SECRETS", c.LinkSecretList}} {
		if secrets, err := secretList(list.name, list.text); err == nil {
			secrets.Each(func(value []byte) { add(list.name, string(value), false) })
		}
	}
	keys, _ := c.Keys() // what cannot be read is refused elsewhere
	for value, key := range keys {
		add("TABI_WRITE_KEYS", value, key.Kind == access.WebKey)
		for _, proof := range key.Proofs {
			add("the proof secrets of TABI_WRITE_KEYS", proof, false)
		}
	}
	tokens, _ := ParseTokens("tokens", string(c.Tokens))
	for _, t := range tokens {
		add("TABI_TOKENS", t.Value, false)
	}
	masters, _ := items("master-keys", string(c.MasterKeys))
	for _, key := range masters {
		add("TABI_MASTER_KEYS", strings.TrimSpace(key), false)
	}
	// Those that a provider has chosen may be anything, except one of ours.
	add("TABI_CLASSIFIER_TOKEN", string(c.secrets.classifier), true)
	add("TABI_OIDC_CLIENT_SECRET", string(c.SignIn.ClientSecret), true)
	add("TABI_BOUNCE_MAILBOX_PASSWORD", string(c.secrets.mailbox), true)
	add("TABI_DKIM_KEY", string(c.secrets.dkim), true)
	add("TABI_SMS_SECRET", string(c.secrets.sms), true)
	add("TABI_WEBHOOK_SECRET", string(c.secrets.webhook), true)
	for _, one := range channels.ProviderSettings() {
		if value := c.provided[one.Name]; value != nil && !one.Open {
			add(one.Name, string(*value), !one.Own)
		}
	}
	if u, err := url.Parse(string(c.secrets.smtp)); err == nil && u.User != nil {
		password, _ := u.User.Password()
		add("the password of TABI_EMAIL_URL", password, true)
	}
	return out
}

// CheckServe returns an error for people if the gateway may not start with these settings.
func (c *Config) CheckServe() error {
	if c.Secret == "" && !c.Insecure {
		return Usage("serve does not start without a secret, unless --insecure is set: set TABI_SECRET, the same for every gateway " +
			"(openssl rand -hex 32)")
	}
	return nil
}

// warnAboutKeys says what to do where nobody can call, because there is neither a key nor a token. The gateway starts anyhow: a key of
// the store may come later, and works without a restart.
func (s *Services) warnAboutKeys(ctx context.Context) {
	c := s.Config
	if c.Insecure {
		return
	}
	live, err := s.Store.Access.LiveKeys(ctx, clock.Wall())
	if err != nil {
		s.Log.Warn("the API keys cannot be read", zap.Error(err))
		return
	}
	var write, token bool
	for _, k := range live {
		write, token = write || k.Kind != access.TokenKey, token || k.Kind == access.TokenKey
	}
	if c.WriteKeys == "" && !write {
		s.Log.Warn("no write key exists, so every call of the tracking API is answered 401: tabi keys create server NAME makes one")
	}
	if c.Tokens == "" && c.SignIn.Issuer != "" && !token {
		s.Log.Info("no token exists, so the admin API and the command line are closed: tabi keys create token NAME --role admin " +
			"--offline makes one; people sign in by the identity provider")
	} else if c.Tokens == "" && !token {
		s.Log.Warn("no token exists, so nobody opens the admin API or a page with one: tabi keys create token NAME --role admin " +
			"--offline makes the first, with the settings of the database")
	}
}

// What tabi doctor looks at. Nothing here changes anything.

// WeakCredentials returns what is wrong with the secrets of the settings: weak ones, and values that two settings share.
func (c *Config) WeakCredentials() []error {
	return credential.Check(c.credentials(), []string{"TABI_SECRET", "TABI_LINK_SECRETS"})
}

// UnreadableSecrets returns what the start would refuse in the lists of secrets and in the settings of sign-ins, without values.
func (c *Config) UnreadableSecrets() (out []error) {
	add := func(err error) {
		if err != nil {
			out = append(out, err)
		}
	}
	if c.Secret != "" {
		_, err := secretList("TABI_SECRET", c.Secret)
		add(err)
	}
	if c.LinkSecretList != "" {
		_, err := secretList("TABI_LINK_SECRETS", c.LinkSecretList)
		add(err)
	}
	_, err := c.Keys()
	add(err)
	_, err = ParseTokens("tokens", string(c.Tokens))
	add(err)
	_, err = c.SignIn.OIDC()
	add(err)
	return out
}

// Encrypts reports whether there is a master key.
func (c *Config) Encrypts() bool {
	m, err := c.masters()
	return err == nil && m != nil
}

// Given returns the variables of the secrets that have a value.
func (c *Config) Given() []string { return slices.Clone(c.given) }

// DatabaseWords returns which database it is, without its password.
func (c *Config) DatabaseWords() string { return c.databaseWords() }

// OpenStoreAsIs opens the rooms on the database as it is.
func (c *Config) OpenStoreAsIs(ctx context.Context, log *zap.Logger) (*engine.Engine, error) {
	as := *c
	as.NoMigrate = true
	return as.OpenStore(ctx, log)
}

// SecretsFit returns an error if this process could not open what the others have sealed.
func (c *Config) SecretsFit(ctx context.Context, db *sqldb.Database) error {
	seal, links, err := c.AllSecrets()
	if err != nil {
		return err
	}
	for _, one := range []struct {
		key, lacks string
		list       signedlink.Secrets
	}{
		{sealCheck, "TABI_SECRET lacks the secret by which this installation seals", seal},
		{linkCheck, "the secret by which this installation makes links is neither in TABI_LINK_SECRETS nor in TABI_SECRET", links},
	} {
		known, err := db.Setting(ctx, one.key)
		if err != nil {
			return err
		}
		found := known == "" || one.list.Empty()
		one.list.Each(func(value []byte) { found = found || hmac.Equal([]byte(secretCheck(value)), []byte(known)) })
		if !found {
			return errors.New(one.lacks)
		}
	}
	return nil
}

// LookTemporal connects to Temporal once, without a change there. where is its address, for people.
func (c *Config) LookTemporal(ctx context.Context, log *zap.Logger) (_ client.Client, where, namespace string, err error) {
	opts, err := c.temporalOptions(log)
	if err != nil {
		return nil, "", "", err
	}
	var tc client.Client
	err = reach(ctx, log, "Temporal", c.ConnectTimeout, func(ctx context.Context) (err error) {
		tc, err = client.DialContext(ctx, opts)
		return err
	})
	return tc, opts.HostPort, opts.Namespace, err
}
