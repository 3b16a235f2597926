package sqldb

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Database is one SQL database. It is safe for concurrent use, also by several processes.
type Database struct {
	Writer   *sql.DB       // SQLite: one connection, so that writers queue here and not in the file's lock
	Reader   *sql.DB       // the same as writer on PostgreSQL and in memory
	Turns    chan struct{} // writers take turns in the order they came; the pool would give a connection to any of those who wait
	postgres bool
}

// Open connects and migrates. Errors do not contain the URL, which may hold a password. maxConns is for
// PostgreSQL only, default 16; statements counts the statements, nil counts none.
func Open(ctx context.Context, url string, maxConns int, statements *atomic.Int64) (*Database, error) {
	s := &Database{Turns: make(chan struct{}, 1)}
	if url == InMemory {
		return s, s.openMemory(ctx)
	}
	var dialect goose.Dialect
	var err error
	if strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") {
		dialect, err = goose.DialectPostgres, s.openPostgres(url, maxConns, statements)
	} else {
		dialect, err = goose.DialectSQLite3, s.openSQLite(url, statements)
	}
	if err != nil {
		return nil, err
	}
	if err := s.migrate(ctx, dialect); err != nil {
		return nil, errors.Join(fmt.Errorf("database: %w", err), s.Close())
	}
	if err := s.Ping(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Writers returns how many transactions write at once.
func (s *Database) Writers() int { return cap(s.Turns) }

// SpareReaders returns how many snapshots can be read while a transaction writes; 0 where reading and writing
// share their connections.
func (s *Database) SpareReaders() int {
	if s.Reader == s.Writer {
		return 0
	}
	return sqliteReaders - 1
}

func (s *Database) openPostgres(url string, maxConns int, statements *atomic.Int64) error {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return errors.New("database: the URL is not a PostgreSQL URL: want postgres://user:password@host:port/database")
	}
	if statements != nil {
		config.Tracer = &statementCount{statements}
	}
	s.Writer, s.postgres = stdlib.OpenDB(*config, stdlib.OptionAfterConnect(noScans)), true
	conns := cmp.Or(maxConns, 16)
	s.Writer.SetMaxOpenConns(conns)
	s.Turns = make(chan struct{}, conns)
	s.Writer.SetMaxIdleConns(conns)
	s.Writer.SetConnMaxIdleTime(5 * time.Minute)
	s.Reader = s.Writer
	return nil
}

// noScans keeps a connection from reading whole tables where an index does. A prepared statement keeps the plan
// it was given at its fifth use. For a table that is nearly empty that plan is to read all of it, and every use
// costs more as the table grows, until the table is next analyzed. Batches of 250 events into a new database took
// 127 ms each; without such scans they take 8 ms (BenchmarkIntake).
func noScans(ctx context.Context, c *pgx.Conn) error {
	_, err := c.Exec(ctx, `set enable_seqscan = off`)
	return err
}

// sqliteReaders is how many connections read a SQLite file at once.
const sqliteReaders = 4

func (s *Database) openSQLite(url string, statements *atomic.Int64) error {
	if url == "" {
		return errors.New("database: no URL: give a file, :memory: or a postgres:// URL")
	}
	const pragmas = "?_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_pragma=synchronous(NORMAL)&_pragma=journal_mode(WAL)"
	name := "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(strings.TrimPrefix(url, "file:"))
	s.Writer = openLite(name+pragmas+"&_txlock=immediate", statements)
	s.Writer.SetMaxOpenConns(1)
	s.Writer.SetConnMaxIdleTime(0)
	s.Writer.SetConnMaxLifetime(0)
	s.Reader = openLite(name+pragmas+"&_pragma=query_only(1)", statements)
	s.Reader.SetMaxOpenConns(sqliteReaders)
	s.Reader.SetMaxIdleConns(sqliteReaders)
	return nil
}

// schema returns the migrations of this database.
func (s *Database) schema(dialect goose.Dialect) (*goose.Provider, error) {
	folder, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if dialect == goose.DialectPostgres {
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300)) // asks every second
		if err != nil {
			return nil, err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	return goose.NewProvider(dialect, s.Writer, folder, options...)
}

// migrate migrates the schema to this build's version, one process at a time.
func (s *Database) migrate(ctx context.Context, dialect goose.Dialect) error {
	provider, err := s.schema(dialect)
	if err != nil {
		return err
	}
	sources := provider.ListSources()
	want := sources[len(sources)-1].Version
	// Where there is nothing to do, processes that start together need not wait for each other's lock, which
	// goose takes to read the version too.
	var have int64
	if s.Writer.QueryRowContext(ctx, `select max(version_id) from goose_db_version where is_applied`).Scan(&have) == nil && have == want {
		return nil
	}
	if have, err = provider.GetDBVersion(ctx); err != nil {
		return fmt.Errorf("cannot read the schema's version: %w", err)
	}
	if have > want {
		return fmt.Errorf("its schema has version %d, this build knows %d: run a newer tabi", have, want)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("cannot migrate the schema: %w", err)
	}
	return nil
}

// Close ends all connections.
func (s *Database) Close() error {
	err := s.Writer.Close()
	if s.Reader != s.Writer {
		err = errors.Join(err, s.Reader.Close())
	}
	return err
}

// Ping checks the connection.
func (s *Database) Ping(ctx context.Context) error {
	if err := s.Reader.PingContext(ctx); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	return nil
}
