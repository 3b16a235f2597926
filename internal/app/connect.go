package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/cluster"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/tracing"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Pauses between two attempts to reach a dependency, and between two log lines about it.
const (
	RetryPause = time.Second
	quietPause = 3 * time.Second // before the first log line
	sayPause   = 10 * time.Second
	tryTimeout = 5 * time.Second
)

// reach calls try every RetryPause until it works, limit has passed, ctx ends, or the error is the configuration's. It
// logs what it waits for after quietPause, and then every sayPause. A limit of 0 is one attempt.
func reach(ctx context.Context, log *zap.Logger, what string, limit time.Duration, try func(context.Context) error) error {
	began := clock.Wall()
	said := began.Add(quietPause - sayPause)
	attempt := func() (struct{}, error) {
		once, cancel := context.WithTimeout(ctx, max(tryTimeout, limit/4))
		defer cancel()
		err := try(once)
		if _, wrong := errors.AsType[*ExitError](err); wrong {
			return struct{}{}, backoff.Permanent(err)
		}
		return struct{}{}, err
	}
	_, err := backoff.Retry(ctx, attempt,
		backoff.WithBackOff(backoff.NewConstantBackOff(RetryPause)),
		backoff.WithMaxElapsedTime(max(limit, 1)), // 0 would be no limit
		backoff.WithNotify(func(err error, _ time.Duration) {
			now := clock.Wall()
			if now.Sub(said) >= sayPause {
				said = now
				log.Warn("waiting for "+what, zap.Error(err), zap.Duration("deadline_in", (limit-now.Sub(began)).Round(time.Second)))
			}
		}),
	)
	return err
}

// OpenStore connects to the database and migrates it, waiting for it as long as configured.
func (c *Config) OpenStore(ctx context.Context, log *zap.Logger) (*engine.Engine, error) {
	where := "the database at TABI_DATABASE"
	if !c.Postgres() {
		where = "the SQLite file " + c.DatabaseURL()
		if err := os.MkdirAll(filepath.Dir(c.DatabaseURL()), 0o700); err != nil {
			return nil, Unreachable("cannot create the data folder: %w; choose another one with --data-dir", err)
		}
	}
	ctx = sqldb.WithoutLast(ctx) // what is opened is no part of an act
	var st *engine.Engine
	limit := c.ConnectTimeout
	if !c.Postgres() {
		limit = 0 // a file is there or it is not
	}
	ask, err := c.classifier()
	if err != nil {
		return nil, err
	}
	err = reach(ctx, log, where, limit, func(ctx context.Context) (err error) {
		st, err = engine.Open(
			ctx,
			engine.Options{
				URL:        c.DatabaseURL(),
				Current:    c.current("TABI_DATABASE", c.Database, log),
				MaxConns:   c.DBConnections,
				Channels:   c.Build.Specs(),
				Pseudonyms: c.UsesPseudonyms(),
				NoMigrate:  c.NoMigrate,
				Classifier: asked(ask, log),
				Limits:     c.Bounds,
				Notice: func(text string, err error) {
					log.Error(text, zap.Error(err))
				},
			},
		)
		return err
	})
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, Unreachable("cannot open %s: %w; check that it is running and that TABI_DATABASE is right", where, err)
	}
	if err := migrated(ctx, st); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	if have, err := st.Database.Schema(ctx); err == nil && have.Newer() {
		log.Warn("the database's schema is newer than this build, and compatible with it: run the newer build soon",
			zap.Int64("schema", have.Version), zap.Int64("known", have.Known))
	}
	return st, nil
}

// OpenDatabase connects to the database without a look at its schema, waiting for it as long as configured.
func (c *Config) OpenDatabase(ctx context.Context, log *zap.Logger) (*sqldb.Database, error) {
	limit := c.ConnectTimeout
	if !c.Postgres() {
		limit = 0
		if _, err := os.Stat(c.DatabaseURL()); err != nil {
			return nil, Unreachable("cannot open the SQLite file: %w; choose another one with --database or --data-dir", err)
		}
	}
	var db *sqldb.Database
	err := reach(ctx, log, "the database", limit, func(ctx context.Context) (err error) {
		db, err = sqldb.Connect(ctx, c.DatabaseURL(), sqldb.WithCurrent(c.current("TABI_DATABASE", c.Database, log)))
		return err
	})
	if err != nil {
		return nil, Unreachable("cannot open the database: %w; check that it is running and that TABI_DATABASE is right", err)
	}
	return db, nil
}

// unusedCodec is why a process does not start that seems to encrypt by a codec server.
func unusedCodec(what string) error {
	return Usage("%s, and would not be used: this process encrypts by TABI_MASTER_KEYS, or not at all. Unset it here, and keep it for "+
		"Temporal's own tools and UI", what)
}

// temporalOptions returns the SDK's options, from TEMPORAL_* variables, profiles and flags.
func (c *Config) temporalOptions(log *zap.Logger) (client.Options, error) {
	profile, err := envconfig.LoadClientConfigProfile(envconfig.LoadClientConfigProfileOptions{})
	if err != nil {
		return client.Options{}, Usage("invalid settings of Temporal: %w; check the TEMPORAL_* variables and the profile", err)
	}
	if c.TemporalAddr != "" {
		profile.Address = c.TemporalAddr
	}
	if c.TemporalNS != "" {
		profile.Namespace = c.TemporalNS
	}
	opts, err := profile.ToClientOptions(envconfig.ToClientOptionsRequest{})
	if err != nil {
		return client.Options{}, Usage("invalid settings of Temporal: %w; check the TEMPORAL_* variables and the profile", err)
	}
	if c.keys != nil {
		for _, one := range os.Environ() {
			if name, _, _ := strings.Cut(one, "="); strings.HasPrefix(name, "TEMPORAL_CODEC_") {
				return client.Options{}, unusedCodec(human.Printable(name) + " is set")
			}
		}
		if profile.Codec != nil {
			return client.Options{}, unusedCodec("Temporal's profile has a codec")
		}
	}
	if opts.HostPort == "" {
		opts.HostPort = client.DefaultHostPort
	}
	if opts.Namespace == "" {
		opts.Namespace = client.DefaultNamespace
	}
	opts.Logger = sdkLogger(log)
	c.connections = &cluster.Connections{}
	opts.ConnectionOptions.DialOptions = append(opts.ConnectionOptions.DialOptions, grpc.WithStatsHandler(c.connections))
	return opts, nil
}

// DialTemporal connects to Temporal, waiting as long as configured, and makes sure that the namespace has the search
// attributes. It also returns the options it used, with the namespace.
func (c *Config) DialTemporal(ctx context.Context, log *zap.Logger, handler client.MetricsHandler) (client.Client, client.Options, error) {
	opts, err := c.temporalOptions(log)
	if err != nil {
		return nil, opts, err
	}
	opts.MetricsHandler = handler
	c.useCodec(&opts)
	if opts.Interceptors, err = tracing.Interceptors(); err != nil {
		return nil, opts, Usage("traces: %w", err)
	}
	var tc client.Client
	err = reach(ctx, log, "Temporal at "+opts.HostPort, c.ConnectTimeout, func(ctx context.Context) (err error) {
		if tc == nil {
			if tc, err = client.DialContext(ctx, opts); err != nil {
				return err
			}
		}
		return ensureAttributes(ctx, tc, opts.Namespace)
	})
	if err != nil {
		if tc != nil {
			tc.Close()
		}
		if ctx.Err() != nil {
			return nil, opts, ctx.Err()
		}
		return nil, opts, Unreachable(
			"cannot reach Temporal at %s (namespace %s): %w; start it, or set TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE",
			opts.HostPort,
			opts.Namespace,
			err,
		)
	}
	return tc, opts, nil
}

// SearchAttributes are those of an enrollment.
var SearchAttributes = []string{contract.AttrJourney, contract.AttrCustomer, contract.AttrRevision}

// ensureAttributes adds the search attributes that the namespace lacks, and fails until the server knows them all,
// because the server would refuse a start with an unknown attribute.
func ensureAttributes(ctx context.Context, tc client.Client, namespace string) error {
	known, err := tc.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return fmt.Errorf("search attributes: %w", err)
	}
	missing := map[string]enumspb.IndexedValueType{}
	for _, name := range SearchAttributes {
		switch t, ok := known.GetCustomAttributes()[name]; {
		case !ok:
			missing[name] = enumspb.INDEXED_VALUE_TYPE_KEYWORD
		case t != enumspb.INDEXED_VALUE_TYPE_KEYWORD:
			return Usage(
				"the search attribute %s of namespace %s has type %s, and tabi needs Keyword: use another namespace",
				name,
				namespace,
				t,
			)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	_, err = tc.OperatorService().
		AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: namespace, SearchAttributes: missing})
	var exists *serviceerror.AlreadyExists
	if err != nil && !errors.As(err, &exists) {
		return fmt.Errorf("search attributes: %w", err)
	}
	return errors.New("the search attributes were just added; the server does not know them yet")
}
