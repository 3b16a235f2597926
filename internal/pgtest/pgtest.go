// Package pgtest gives tests a PostgreSQL database of their own: on the server that TABI_TEST_POSTGRES names, else on a throwaway cluster
// made with the installed binaries. Where there is neither, it says so; with CI=true that is a failure.
package pgtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver pgx
)

// patience is how long the server may take to start.
const patience = 60 * time.Second

// errNone says that this machine has no PostgreSQL.
var errNone = errors.New("no PostgreSQL: TABI_TEST_POSTGRES is not set, and initdb is not installed (apt-get install postgresql)")

var (
	once    sync.Once
	server  string // URL of the maintenance database
	failed  error
	cleanup func()
	number  atomic.Int64
)

// Main runs a package's tests and stops the throwaway cluster behind them: func TestMain(m *testing.M) { pgtest.Main(m) }.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main without the end of the process: it gives the exit status.
func Run(m *testing.M) int {
	code := m.Run()
	if cleanup != nil {
		cleanup()
	}
	return code
}

// URL gives the URL of an empty database that is dropped when the test ends. ok is false on a machine without PostgreSQL; the log then
// says so. With CI=true, or where the server does not start, the test fails.
func URL(t testing.TB) (address string, ok bool) {
	t.Helper()
	once.Do(func() { server, cleanup, failed = start() })
	if errors.Is(failed, errNone) && os.Getenv("CI") != "true" {
		t.Log(failed, "- testing on SQLite alone")
		return "", false
	}
	if failed != nil {
		t.Fatal(failed)
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
	binaries, err := find()
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "tabi-postgres-")
	if err != nil {
		return "", nil, err
	}
	stop = func() { _ = os.RemoveAll(dir) }
	attr, err := owner(dir)
	if err != nil {
		return "", stop, err
	}
	run := func(name string, args ...string) *exec.Cmd {
		c := exec.Command(filepath.Join(binaries, name), args...)
		c.SysProcAttr, c.Dir = attr, dir
		c.Env = append(os.Environ(), "LC_ALL=C", "PGUSER=postgres")
		return c
	}
	data := filepath.Join(dir, "data")
	if out, err := run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync").CombinedOutput(); err != nil {
		return "", stop, fmt.Errorf("initdb: %w: %s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return "", stop, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return "", stop, err
	}
	defer log.Close()
	// The shell stops the server and clears up when our end of its input closes, even if that is because we were killed.
	watch := run("postgres", "-D", data, "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-k", "", "-c", "fsync=off", "-c", "full_page_writes=off",
		"-c", "max_connections=400", "-c", "deadlock_timeout=100ms")
	watch.Args = append([]string{"sh", "-c", `dir=$1; shift; "$@" & cat >/dev/null; kill -QUIT $!; wait $!; cd /; rm -rf "$dir"`, "sh", dir, watch.Path}, watch.Args[1:]...)
	if watch.Path, err = exec.LookPath("sh"); err != nil {
		return "", stop, err
	}
	watch.Stdout, watch.Stderr = log, log
	alive, err := watch.StdinPipe()
	if err != nil {
		return "", stop, err
	}
	if err := watch.Start(); err != nil {
		return "", stop, err
	}
	stop = func() {
		_ = alive.Close()
		_ = watch.Wait()
		_ = os.RemoveAll(dir)
	}
	address = fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port)
	if err := await(address); err != nil {
		said, _ := os.ReadFile(log.Name())
		return "", stop, fmt.Errorf("PostgreSQL does not start: %w: %s", err, said)
	}
	return address, stop, nil
}

// find looks for the newest installed server binaries.
func find() (string, error) {
	folders, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(strings.Split(path, "/")[4])
		return n
	}
	if len(folders) > 0 {
		return filepath.Dir(slices.MaxFunc(folders, func(a, b string) int { return version(a) - version(b) })), nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", errNone
}

// owner gives dir to user postgres where we are root, since PostgreSQL refuses root.
func owner(dir string) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{}
	if os.Geteuid() != 0 {
		return attr, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL refuses to run as root, and there is no user postgres: %w", err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return nil, err
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, os.Chown(dir, uid, gid)
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// await waits until the server answers.
func await(address string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	db, err := sql.Open("pgx", address)
	if err != nil {
		return err
	}
	defer db.Close()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if err = db.PingContext(ctx); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}
