package sqldb

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"strconv"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Schema says which version of the schema a database has, and whether this build can use it.
//
// A migration is either an expansion, which a build of the release before does not notice (a new table, a column with a default),
// or a contraction, which removes what such a build uses. A contraction comes a release after the code stopped using what it
// removes, and raises the setting schema_compatible to the version of the expansion before it. So a build works with a schema
// that is newer by one release, and a roll-out can be rolled back. See docs/operations.md and CONTRIBUTING.md.
type Schema struct {
	Version    int64 `json:"version"`    // of the database; 0: it is empty
	Known      int64 `json:"known"`      // the newest version that this build knows
	Compatible int64 `json:"compatible"` // the version that a build must know at least to use the database
}

// Behind reports whether the database lacks migrations of this build.
func (s Schema) Behind() bool { return s.Version < s.Known }

// Newer reports whether the database has migrations that this build does not know.
func (s Schema) Newer() bool { return s.Version > s.Known }

// Check returns an error if this build cannot use the database as it is.
func (s Schema) Check() error {
	switch {
	case s.Behind():
		return fmt.Errorf("its schema has version %d, this build needs %d: run tabi db up, or start without --no-migrate",
			s.Version, s.Known)
	case s.Newer() && s.Known < s.Compatible:
		return fmt.Errorf("its schema has version %d, which builds from version %d on can use; this build knows %d: run a newer tabi, or "+
			"tabi db down with the newer one", s.Version, s.Compatible, s.Known)
	}
	return nil
}

// compatibleKey is the setting that holds Schema.Compatible.
const compatibleKey = "schema_compatible"

// Schema reads the version of the schema.
func (s *Database) Schema(ctx context.Context) (Schema, error) {
	provider, err := s.provider()
	if err != nil {
		return Schema{}, err
	}
	sources := provider.ListSources()
	out := Schema{Known: sources[len(sources)-1].Version}
	// Where there is nothing to do, processes that start together need not wait for each other's lock, which
	// goose takes to read the version too.
	var have sql.NullInt64
	if err := s.Writer.QueryRowContext(ctx, `select max(version_id) from goose_db_version where is_applied`).Scan(&have); err == nil {
		out.Version = have.Int64
	} else if out.Version, err = provider.GetDBVersion(ctx); err != nil {
		return out, fmt.Errorf("cannot read the schema's version: %w", err)
	}
	out.Compatible = out.Version
	if out.Version > 0 {
		value, err := Setting(ctx, s.Writer, compatibleKey)
		if err != nil {
			return out, fmt.Errorf("cannot read which builds the schema is for: %w", err)
		}
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			out.Compatible = n
		}
	}
	return out, nil
}

// provider returns the migrations of this database.
func (s *Database) provider() (*goose.Provider, error) {
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	dialect := goose.DialectSQLite3
	if s.postgres {
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300)) // asks every second
		if err != nil {
			return nil, err
		}
		dialect, options = goose.DialectPostgres, append(options, goose.WithSessionLocker(locker))
	}
	sources := s.sources
	if sources == nil {
		embedded, err := fs.Sub(migrations, "migrations")
		if err != nil {
			return nil, err
		}
		sources = embedded
	}
	return goose.NewProvider(dialect, s.Writer, sources, options...)
}

// Migrate brings the schema to this build's version, one process at a time. A schema that is newer stays.
func (s *Database) Migrate(ctx context.Context) error {
	have, err := s.Schema(ctx)
	if err != nil {
		return err
	}
	if have.Behind() {
		provider, err := s.provider()
		if err != nil {
			return err
		}
		applied, err := provider.Up(ctx)
		if err != nil {
			return fmt.Errorf("cannot migrate the schema: %w", err)
		}
		before := have.Version
		if have, err = s.Schema(ctx); err != nil {
			return err
		}
		if len(applied) > 0 { // another process may have been first
			s.migrated, s.before = have.Version, before
		}
	}
	return have.Check()
}

// Migrated returns the versions before and after a Migrate of this process that changed the schema, and whether there was one.
func (s *Database) Migrated() (before, after int64, ok bool) {
	return s.before, s.migrated, s.migrated != s.before
}

// MigrateDown takes the last migration back. The first one cannot be taken back, because that would delete all data.
func (s *Database) MigrateDown(ctx context.Context) error {
	have, err := s.Schema(ctx)
	switch {
	case err != nil:
		return err
	case have.Version <= 1:
		return Refusal("version 1 is the first one: taking it back would delete all data")
	case have.Newer():
		return Refusal(fmt.Sprintf("its schema has version %d, and this build knows %d: use the build that made it", have.Version,
			have.Known))
	}
	provider, err := s.provider()
	if err != nil {
		return err
	}
	if _, err := provider.Down(ctx); err != nil {
		return fmt.Errorf("cannot take the last migration back: %w", err)
	}
	return nil
}
