package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tabi-journeys/tabi/internal/app/devmode"
	"github.com/tabi-journeys/tabi/internal/dev/testservers"
)

// server is a Temporal server, and a place for databases.
type server struct {
	name     string
	temporal string                            // address
	database func(name string) (string, error) // creates an empty one
	file     string                            // Temporal's database, where it is SQLite
	versions map[string]string
	pids     func() []int // of its processes, without their children
	stop     func()
}

// serverNames are the values of --server.
var serverNames = []string{"dev", "postgres"}

// startServer starts a server by its name. Its files are in dir.
func startServer(ctx context.Context, name, dir string) (*server, error) {
	switch name {
	case "dev":
		return startDevelopment(ctx, dir)
	case "postgres":
		return startPostgres(ctx, dir)
	}
	return nil, fmt.Errorf("--server: there is no %q; there are %s", name, strings.Join(serverNames, " and "))
}

// startDevelopment starts Temporal's development server as `tabi dev` does, with databases in SQLite files.
func startDevelopment(_ context.Context, dir string) (*server, error) {
	d, err := devmode.StartDevServer(devmode.DevServerOptions{DataDir: filepath.Join(dir, "temporal"), Headless: true})
	if err != nil {
		return nil, err
	}
	s := &server{
		name:     "dev",
		temporal: d.Address,
		file:     filepath.Join(dir, "temporal", "temporal.db"),
		stop:     d.Stop,
		versions: map[string]string{"temporal dev": versionLine("temporal", "--version")},
	}
	s.pids = func() []int { return []int{d.PID()} }
	s.database = func(name string) (string, error) {
		path := filepath.Join(dir, name+".db")
		if _, err := os.Stat(path); err == nil {
			return "", fmt.Errorf("database %s exists already", name)
		}
		return path, nil
	}
	return s, nil
}

// startPostgres starts Temporal on PostgreSQL as in production: commits reach the disk.
func startPostgres(ctx context.Context, dir string) (*server, error) {
	pg, err := testservers.NewPostgres("", testservers.PostgresOptions{Durable: true})
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		pg.Remove()
		return nil, err
	}
	t, err := testservers.NewTemporal(ctx, dir, pg)
	if err != nil {
		pg.Remove()
		return nil, err
	}
	s := &server{name: "postgres", temporal: t.Address, versions: map[string]string{}}
	s.stop = func() {
		t.Stop()
		pg.Remove()
	}
	s.pids = func() []int {
		pids := []int{t.PID()}
		if pid, err := pg.PID(); err == nil {
			pids = append(pids, pid)
		}
		return pids
	}
	s.database = func(name string) (string, error) { return pg.Create("bench_" + strings.ReplaceAll(name, "-", "_")) }
	if s.versions["postgresql"], err = versionOf(ctx, pg.URL("postgres")); err != nil {
		s.stop()
		return nil, err
	}
	s.versions["temporal on postgresql"] = versionLine(testservers.TemporalBinary, "--version")
	return s, nil
}

func versionOf(ctx context.Context, url string) (version string, err error) {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return "", err
	}
	defer func() { _ = db.Close() }()
	err = db.QueryRowContext(ctx, "show server_version").Scan(&version)
	return version, err
}
