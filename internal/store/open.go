package store

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

// database is one SQL database. It is safe for concurrent use, also by several processes.
type database struct {
	writer   *sql.DB       // SQLite: one connection, so that writers queue here and not in the file's lock
	reader   *sql.DB       // the same as writer on PostgreSQL and in memory
	turns    chan struct{} // writers take turns in the order they came; the pool would give a connection to any of those who wait
	postgres bool
}

// openDatabase connects and migrates. Errors do not contain the URL, which may hold a password. maxConns is for
// PostgreSQL only, default 16; statements counts the statements, nil counts none.
func openDatabase(ctx context.Context, url string, maxConns int, statements *atomic.Int64) (*database, error) {
	s := &database{turns: make(chan struct{}, 1)}
	if url == inMemory {
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
func (s *database) Writers() int { return cap(s.turns) }

// SpareReaders returns how many snapshots can be read while a transaction writes; 0 where reading and writing
// share their connections.
func (s *database) SpareReaders() int {
	if s.reader == s.writer {
		return 0
	}
	return sqliteReaders - 1
}

func (s *database) openPostgres(url string, maxConns int, statements *atomic.Int64) error {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return errors.New("database: the URL is not a PostgreSQL URL: want postgres://user:password@host:port/database")
	}
	if statements != nil {
		config.Tracer = &statementCount{statements}
	}
	s.writer, s.postgres = stdlib.OpenDB(*config, stdlib.OptionAfterConnect(noScans)), true
	conns := cmp.Or(maxConns, 16)
	s.writer.SetMaxOpenConns(conns)
	s.turns = make(chan struct{}, conns)
	s.writer.SetMaxIdleConns(conns)
	s.writer.SetConnMaxIdleTime(5 * time.Minute)
	s.reader = s.writer
	return nil
}

// noScans keeps a connection from reading whole tables where an index does. A prepared statement keeps the plan
// it was given at its fifth use, which for a table that is nearly empty is to read all of it: until the table
// is next analysed, every use costs the more the more it holds. Batches of 250 events into a new database took
// 127 ms each, and so take 8 (BenchmarkIntake).
func noScans(ctx context.Context, c *pgx.Conn) error {
	_, err := c.Exec(ctx, `set enable_seqscan = off`)
	return err
}

// sqliteReaders is how many connections read a SQLite file at once.
const sqliteReaders = 4

func (s *database) openSQLite(url string, statements *atomic.Int64) error {
	if url == "" {
		return errors.New("database: no URL: give a file, :memory: or a postgres:// URL")
	}
	const pragmas = "?_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_pragma=synchronous(NORMAL)&_pragma=journal_mode(WAL)"
	name := "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(strings.TrimPrefix(url, "file:"))
	s.writer = openLite(name+pragmas+"&_txlock=immediate", statements)
	s.writer.SetMaxOpenConns(1)
	s.writer.SetConnMaxIdleTime(0)
	s.writer.SetConnMaxLifetime(0)
	s.reader = openLite(name+pragmas+"&_pragma=query_only(1)", statements)
	s.reader.SetMaxOpenConns(sqliteReaders)
	s.reader.SetMaxIdleConns(sqliteReaders)
	return nil
}

// schema is what changes this database's schema.
func (s *database) schema(dialect goose.Dialect) (*goose.Provider, error) {
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
	return goose.NewProvider(dialect, s.writer, folder, options...)
}

// migrate brings the schema to this build's version, one process at a time.
func (s *database) migrate(ctx context.Context, dialect goose.Dialect) error {
	provider, err := s.schema(dialect)
	if err != nil {
		return err
	}
	sources := provider.ListSources()
	want := sources[len(sources)-1].Version
	// Where there is nothing to do, processes that start together need not wait for each other's lock, which
	// goose takes to read the version too.
	var have int64
	if s.writer.QueryRowContext(ctx, `select max(version_id) from goose_db_version where is_applied`).Scan(&have) == nil && have == want {
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
func (s *database) Close() error {
	err := s.writer.Close()
	if s.reader != s.writer {
		err = errors.Join(err, s.reader.Close())
	}
	return err
}

// Ping checks the connection.
func (s *database) Ping(ctx context.Context) error {
	if err := s.reader.PingContext(ctx); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	return nil
}
