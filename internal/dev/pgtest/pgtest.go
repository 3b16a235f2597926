// Package pgtest makes PostgreSQL databases for tests: on the server that TABI_TEST_POSTGRES names, else on a
// throwaway cluster made with the installed binaries. Without either, tests that need one are skipped; with CI=true
// they fail.
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

// Main runs a package's tests, stops the throwaway cluster and exits:
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main without the exit: it returns the exit status.
func Run(m *testing.M) int {
	code := m.Run()
	if cleanup != nil {
		cleanup()
	}
	return code
}

// URL returns the URL of an empty database, which is dropped when the test ends. On a machine without PostgreSQL it
// skips the test, so that the output shows what was not tested; with CI=true, or where the server does not start, it
// fails the test. Call it in a subtest of its own where the rest of the test needs no PostgreSQL.
func URL(t testing.TB) string {
	t.Helper()
	once.Do(func() { server, cleanup, failed = start() })
	if errors.Is(failed, testservers.ErrNoPostgres) && os.Getenv("CI") != "true" {
		t.Skip("no PostgreSQL: TABI_TEST_POSTGRES is not set, and ", failed)
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
	return u.String()
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

// start returns the server that the environment names, or starts one.
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
