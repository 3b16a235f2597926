package sqldb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// Database is one SQL database. It is safe for concurrent use, also by several processes.
type Database struct {
	Writer   *sql.DB       // SQLite: one connection, so that writers queue here and not in the file's lock
	Reader   *sql.DB       // the same as writer on PostgreSQL and in memory
	Turns    chan struct{} // writers take turns in the order they came; the pool would give a connection to any of those who wait
	postgres bool
	sources  fs.FS // the migrations; nil: this build's

	migrated, before int64 // the schema's version if Migrate changed it, and the one before
}

// Option changes how a database is opened.
type Option func(*options)

type options struct{ current func() string }

// WithCurrent has each new connection to PostgreSQL take user, password and certificates from the URL that current returns then, so that
// a password can be replaced while everything runs. Host and database stay those of the first URL, and connections are renewed every hour.
// A nil function changes nothing.
func WithCurrent(current func() string) Option { return func(o *options) { o.current = current } }

// credentialLife is how long a connection is used whose credentials may be replaced (wall time).
const credentialLife = time.Hour

// Open connects and migrates. Errors do not contain the URL, which may hold a password. maxConns is for
// PostgreSQL only, default 16; statements counts the statements, nil counts none.
func Open(ctx context.Context, url string, maxConns int, statements *atomic.Int64, with ...Option) (*Database, error) {
	return open(ctx, url, maxConns, statements, nil, (*Database).Migrate, with...)
}

// OpenMigrated is Open for a database that is migrated already: it changes no schema, and refuses one that this build cannot use.
func OpenMigrated(ctx context.Context, url string, maxConns int, statements *atomic.Int64, with ...Option) (*Database, error) {
	return open(ctx, url, maxConns, statements, nil, func(s *Database, ctx context.Context) error {
		have, err := s.Schema(ctx)
		return errors.Join(err, have.Check())
	}, with...)
}

// Connect is Open without a look at the schema, for the commands that change it.
func Connect(ctx context.Context, url string, with ...Option) (*Database, error) {
	return open(ctx, url, 1, nil, nil, func(*Database, context.Context) error { return nil }, with...)
}

// open connects, and prepares the schema by one of the functions above. sources are the migrations; nil: this build's.
func open(ctx context.Context, url string, maxConns int, statements *atomic.Int64, sources fs.FS,
	prepare func(*Database, context.Context) error, with ...Option) (*Database, error) {
	var o options
	for _, change := range with {
		change(&o)
	}
	s := &Database{Turns: make(chan struct{}, 1), sources: sources}
	if url == InMemory {
		return s, s.openMemory(ctx)
	}
	var err error
	if strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") {
		err = s.openPostgres(url, maxConns, statements, o.current)
	} else {
		err = s.openSQLite(url, statements)
	}
	if err != nil {
		return nil, err
	}
	if err := prepare(s, ctx); err != nil {
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

func (s *Database) openPostgres(url string, maxConns int, statements *atomic.Int64, current func() string) error {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return errors.New("database: the URL is not a PostgreSQL URL: want postgres://user:password@host:port/database")
	}
	if statements != nil {
		config.Tracer = &statementCount{statements}
	}
	renew := current != nil || config.TLSConfig != nil
	if current == nil {
		current = func() string { return url }
	}
	options := []stdlib.OptionOpenDB{stdlib.OptionBeforeConnect(func(_ context.Context, c *pgx.ConnConfig) error {
		return credentials(c, current())
	})}
	if config.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement { // otherwise nothing is prepared by name, see below
		options = append(options, stdlib.OptionAfterConnect(noScans))
	}
	s.Writer, s.postgres = stdlib.OpenDB(*config, options...), true
	conns := cmp.Or(maxConns, 16)
	s.Writer.SetMaxOpenConns(conns)
	s.Turns = make(chan struct{}, conns)
	s.Writer.SetMaxIdleConns(conns)
	s.Writer.SetConnMaxIdleTime(5 * time.Minute)
	if renew {
		s.Writer.SetConnMaxLifetime(credentialLife)
	}
	s.Reader = s.Writer
	return nil
}

// credentials puts user, password and certificates of a URL into the configuration of a connection. The files of certificates are read
// again. A URL that cannot be read is an error without it.
func credentials(c *pgx.ConnConfig, url string) error {
	now, err := pgx.ParseConfig(url)
	if err != nil {
		return errors.New("database: the URL, or a file with a certificate that it names, cannot be read any more")
	}
	c.User, c.Password, c.TLSConfig, c.Fallbacks = now.User, now.Password, now.TLSConfig, now.Fallbacks
	return nil
}

// noScans keeps a connection from reading whole tables where an index does. A prepared statement keeps the plan
// it was given at its fifth use. For a table that is nearly empty that plan is to read all of it, and every use
// costs more as the table grows, until the table is next analyzed. Batches of 250 events into a new database took
// 127 ms each; without such scans they take 8 ms (BenchmarkIntake). Where only a scan can answer, the planner takes the
// statement for a very expensive one, so compiling statements (jit) is off too: it took 300 ms at each use.
//
// A pooler in transaction mode, such as PgBouncer, may run each transaction on another connection of its own, where neither a
// setting nor a prepared statement of this one exists. With default_query_exec_mode=cache_describe in the URL, pgx uses unnamed
// statements, which are planned at each use. Then there is nothing to keep from such plans, and tabi leaves no state in a connection.
func noScans(ctx context.Context, c *pgx.Conn) error {
	_, err := c.Exec(ctx, `set enable_seqscan = off; set jit = off`)
	return err
}

// sqliteReaders is how many connections read a SQLite file at once.
const sqliteReaders = 4

func (s *Database) openSQLite(url string, statements *atomic.Int64) error {
	if url == "" {
		return errors.New("database: no URL: give a file, :memory: or a postgres:// URL")
	}
	// secure_delete: what is deleted is overwritten, so that the file has nothing of a customer who was forgotten.
	const pragmas = "?_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_pragma=synchronous(NORMAL)&_pragma=journal_mode(WAL)" +
		"&_pragma=secure_delete(1)"
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

// DropTraces empties the write-ahead log of a SQLite file, which has pages as they were before rows were deleted. It returns an error
// while somebody reads older pages: try again. PostgreSQL does this by itself, with VACUUM and checkpoints.
func (s *Database) DropTraces(ctx context.Context) error {
	if s.postgres || s.Writer == s.Reader {
		return nil
	}
	select {
	case s.Turns <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.Turns }()
	var busy, logged, moved int
	err := s.Writer.QueryRowContext(ctx, `pragma wal_checkpoint(truncate)`).Scan(&busy, &logged, &moved)
	if err == nil && busy != 0 {
		err = errors.New("the write-ahead log is being read, and cannot be emptied now")
	}
	return DatabaseError(err)
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
