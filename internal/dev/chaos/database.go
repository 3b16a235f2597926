package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver pgx
	_ "modernc.org/sqlite"             // driver sqlite

	"github.com/tabi-journeys/tabi/internal/dev/testservers"
)

// Engines of the store's database.
const (
	onPostgres = "postgres"
	onSQLite   = "sqlite"
)

// database is the store's database, on a disk of its own.
type database struct {
	url    string
	server *testservers.Postgres // nil: a SQLite file
}

// newDatabase creates the database. Where kind is empty, it uses PostgreSQL if that is installed.
func newDatabase(dir, kind string) (*database, error) {
	file := &database{url: filepath.Join(dir, "tabi.db")}
	if kind == onSQLite {
		return file, nil
	}
	// Keep the write-ahead log small, so that a full disk is full of data.
	settings := []string{"max_wal_size=128MB", "min_wal_size=80MB", "wal_recycle=off", "wal_init_zero=off"}
	server, err := testservers.NewPostgres(dir, testservers.PostgresOptions{Durable: true, Settings: settings})
	if kind == "" && errors.Is(err, testservers.ErrNoPostgres) {
		logf("the store is on SQLite: %v", err)
		return file, nil
	}
	if err != nil {
		return nil, err
	}
	url, err := server.Create("tabi")
	return &database{url: url, server: server}, err
}

func (d *database) open() (*sql.DB, error) {
	if d.server == nil {
		return sql.Open("sqlite", "file:"+d.url+"?_pragma=busy_timeout(5000)")
	}
	return sql.Open("pgx", d.url)
}

// kill kills the server with SIGKILL; a file has no server.
func (d *database) kill() error {
	if d.server == nil {
		return nil
	}
	return d.server.Kill()
}

func (d *database) start() error {
	if d.server == nil {
		return nil
	}
	return d.server.Start()
}

func (d *database) remove() {
	if d.server != nil {
		d.server.Remove()
	}
}

// awaitFull writes until a write fails: until then the database still has space of its own.
func (d *database) awaitFull(ctx context.Context) error {
	db, err := d.open()
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	const table = `create table if not exists ballast (b text); `
	insert := table + `insert into ballast select repeat(md5(random()::text), 1000) from generate_series(1, 100)`
	if d.server == nil {
		insert = table + `insert into ballast values (zeroblob(1000000))`
	}
	for range 200 {
		if _, err := db.ExecContext(ctx, insert); err != nil {
			logf("the store's disk is full: %v", err)
			return nil
		}
	}
	return errors.New("200 writes to a full disk succeeded")
}

// recover waits until the database answers. It restarts a server that ended because the disk was full.
func (d *database) recover(ctx context.Context) error {
	if d.server == nil {
		return nil
	}
	db, err := d.open()
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	for range 600 {
		if err = db.PingContext(ctx); err == nil {
			return nil
		}
		if _, gone := d.server.PID(); gone != nil {
			d.server.Stop()
			return d.server.Start()
		}
		pause(ctx, 50*time.Millisecond)
	}
	return fmt.Errorf("PostgreSQL does not recover: %w", err)
}
