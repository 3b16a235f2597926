package app

import (
	"context"
	"crypto/hmac"
	"errors"
	"slices"

	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/credential"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// What tabi doctor looks at. Nothing here changes anything.

// WeakCredentials returns what is wrong with the secrets of the settings: weak ones, and values that two settings share.
func (c *Config) WeakCredentials() []error {
	return credential.Check(c.credentials(), []string{"TABI_SECRET", "TABI_LINK_SECRETS"})
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

// SearchAttributes returns the names of the search attributes that the namespace needs.
func SearchAttributes() []string { return slices.Clone(attributes) }
