// Package pgtest gives tests a PostgreSQL database of their own: on the server that TABI_TEST_POSTGRES names,
// else on a throwaway cluster made with the installed binaries. Where there is neither, it says so; with
// CI=true that is a failure.
package pgtest

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tabi-journeys/tabi/internal/dev/testservers"
)

var (
	once    sync.Once
	server  string // URL of the maintenance database
	failed  error
	cleanup func()
	number  atomic.Int64
)

// Main runs a package's tests and stops the throwaway cluster behind them: func TestMain(m *testing.M) {
// pgtest.Main(m) }.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main without the end of the process: it gives the exit status.
func Run(m *testing.M) int {
	code := m.Run()
	if cleanup != nil {
		cleanup()
	}
	return code
}

// URL gives the URL of an empty database that is dropped when the test ends. ok is false on a machine without
// PostgreSQL; the log then says so. With CI=true, or where the server does not start, the test fails.
func URL(t testing.TB) (address string, ok bool) {
	t.Helper()
	once.Do(func() { server, cleanup, failed = start() })
	if errors.Is(failed, testservers.ErrNoPostgres) && os.Getenv("CI") != "true" {
		t.Log("no PostgreSQL: TABI_TEST_POSTGRES is not set, and", failed, "- testing on SQLite alone")
		return "", false
	}
	if failed != nil {
		t.Fatal("no PostgreSQL: ", failed)
	}
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal("TABI_TEST_POSTGRES is not a URL: want postgres://user:password@host:port/database")
	}
	name := fmt.Sprintf("tabi_test_%d_%d", os.Getpid(), number.Add(1))
	if err := admin("create database " + name); err != nil {
		t.Fatalf("cannot create a database: %v", err)
	}
	t.Cleanup(func() {
		if err := admin("drop database " + name + " with (force)"); err != nil {
			t.Errorf("cannot drop the test's database: %v", err)
		}
	})
	u.Path = "/" + name
	return u.String(), true
}

func admin(statement string) error {
	db, err := sql.Open("pgx", server)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(statement)
	return err
}

// start finds the server, or makes one.
func start() (address string, stop func(), err error) {
	if given := os.Getenv("TABI_TEST_POSTGRES"); given != "" {
		return given, nil, nil
	}
	p, err := testservers.NewPostgres("", testservers.PostgresOptions{})
	if err != nil {
		return "", nil, err
	}
	return p.URL("postgres"), p.Remove, nil
}
