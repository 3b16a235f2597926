// Package testservers starts the servers that tests, benchmarks and chaos runs need, on loopback ports of their own:
// PostgreSQL, and Temporal on PostgreSQL. Each can be killed and started again on its data.
package testservers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver pgx

	"github.com/tabi-journeys/tabi/internal/clock"
)

// startTimeout is how long a server may take to start.
const startTimeout = 60 * time.Second

// ErrNoPostgres reports that PostgreSQL is not installed.
var ErrNoPostgres = errors.New("initdb is not installed (apt-get install postgresql)")

// Postgres is a PostgreSQL cluster of its own, made with the installed binaries. Every user of this machine may
// connect as user postgres.
type Postgres struct {
	Port     int
	dir      string
	binaries string
	durable  bool
	attr     *syscall.SysProcAttr
	alive    io.Closer
	watch    *exec.Cmd
}

// PostgresOptions are options of NewPostgres.
type PostgresOptions struct {
	// Durable lets commits reach the disk, and keeps the folder when this process dies. Otherwise fsync is off, and
	// the folder is removed.
	Durable  bool
	Settings []string // more settings, as name=value
}

// NewPostgres creates a cluster in a new folder below dir and starts it. An empty dir means the system's folder for
// temporary files; user postgres must be able to enter it. It returns ErrNoPostgres where none is installed.
func NewPostgres(dir string, o PostgresOptions) (*Postgres, error) {
	p := &Postgres{durable: o.Durable}
	var err error
	if p.binaries, err = find(); err != nil {
		return nil, err
	}
	if p.dir, err = os.MkdirTemp(dir, "tabi-postgres-"); err != nil {
		return nil, err
	}
	if err := p.make(o.Settings); err != nil {
		_ = os.RemoveAll(p.dir)
		return nil, err
	}
	return p, nil
}

func (p *Postgres) make(settings []string) (err error) {
	if p.attr, err = owner(p.dir); err != nil {
		return err
	}
	if p.Port, err = FreePort(); err != nil {
		return err
	}
	if out, err := p.command("initdb", "-D", p.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C",
		"--no-sync").CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	lines := []string{
		"listen_addresses = '127.0.0.1'",
		"port = " + strconv.Itoa(p.Port),
		"unix_socket_directories = ''",
		"max_connections = 400",
		"deadlock_timeout = '100ms'",
	}
	if !p.durable {
		lines = append(lines, "fsync = off", "full_page_writes = off")
	}
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		lines = append(lines, name+" = '"+strings.ReplaceAll(value, "'", "''")+"'")
	}
	config, err := os.OpenFile(filepath.Join(p.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = config.WriteString(strings.Join(lines, "\n") + "\n")
	if err := errors.Join(err, config.Close()); err != nil {
		return err
	}
	return p.Start()
}

func (p *Postgres) data() string { return filepath.Join(p.dir, "data") }

func (p *Postgres) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(p.binaries, name), args...)
	c.SysProcAttr, c.Dir = p.attr, p.dir
	c.Env = append(os.Environ(), "LC_ALL=C", "PGUSER=postgres")
	return c
}

// Start starts the server, also after Kill or Stop, and waits until it answers.
func (p *Postgres) Start() error {
	log, err := os.OpenFile(filepath.Join(p.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	began := clock.Wall()
	for {
		if err := p.launch(log); err != nil {
			return err
		}
		err := p.answers()
		if err == nil {
			return nil
		}
		said, _ := os.ReadFile(log.Name())
		p.Stop()
		// Backends of a killed server hold its shared memory until they notice.
		if !p.durable || clock.Wall().Sub(began) > startTimeout {
			return fmt.Errorf("PostgreSQL does not start: %w: %s", err, said)
		}
	}
}

// launch starts the server under a shell that stops it and cleans up when this process closes its end of the pipe,
// even by being killed.
func (p *Postgres) launch(log *os.File) (err error) {
	end := ""
	if !p.durable {
		end = `; cd /; rm -rf "$1"`
	}
	c := p.command("postgres", "-D", p.data())
	c.Args = []string{"sh", "-c", `"$2" -D "$1/data" & cat >/dev/null; kill -QUIT $! 2>/dev/null; wait $!` + end, "sh", p.dir, c.Path}
	if c.Path, err = exec.LookPath("sh"); err != nil {
		return err
	}
	c.Stdout, c.Stderr = log, log
	if p.alive, err = c.StdinPipe(); err != nil {
		return err
	}
	p.watch = c
	return c.Start()
}

// lockTime bounds the time until a server writes its lock file, which it does first. A server that failed at once has
// removed it again. On a busy machine it takes seconds until the server's process has begun.
const lockTime = 20 * time.Second

// answers waits until the server answers, or has ended.
func (p *Postgres) answers() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	db, err := sql.Open("pgx", p.URL("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	began := clock.Wall()
	for seen := false; ; {
		if err = ping(ctx, db); err == nil {
			return nil
		}
		alive := p.runs()
		if !alive && (seen || clock.Wall().Sub(began) > lockTime) {
			return fmt.Errorf("it has ended: %w", err)
		}
		seen = seen || alive
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// runs reports whether the server that wrote the lock file is there. A server that ends at once, because of those of a killed
// one, leaves the file of the killed one.
func (p *Postgres) runs() bool {
	pid, err := p.PID()
	return err == nil && !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// ping has a short timeout: a connection that the backends of a killed server still listen on, and never accept,
// would last as long as ctx.
func ping(ctx context.Context, db *sql.DB) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return db.PingContext(ctx)
}

// URL returns the URL of one of its databases.
func (p *Postgres) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", p.Port, database)
}

// Create creates an empty database and returns its URL.
func (p *Postgres) Create(name string) (string, error) {
	db, err := sql.Open("pgx", p.URL("postgres"))
	if err != nil {
		return "", err
	}
	defer db.Close()
	_, err = db.Exec("create database " + name)
	return p.URL(name), err
}

// Kill kills the server with SIGKILL. Where it is durable, everything committed is there after the next Start;
// otherwise the cluster is gone.
func (p *Postgres) Kill() error {
	pid, err := p.PID()
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill -9 of PostgreSQL: %w", err)
	}
	p.Stop()
	return nil
}

// PID returns the server's process id.
func (p *Postgres) PID() (int, error) {
	text, err := os.ReadFile(filepath.Join(p.data(), "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strconv.Atoi(first)
}

// Stop ends the server at once. The folder stays where it is durable.
func (p *Postgres) Stop() {
	if p.watch == nil {
		return
	}
	_ = p.alive.Close()
	_ = p.watch.Wait()
	p.watch = nil
}

// Remove stops it and removes the folder.
func (p *Postgres) Remove() {
	p.Stop()
	_ = os.RemoveAll(p.dir)
}

// find returns the folder of the newest installed server binaries.
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
	return "", ErrNoPostgres
}

// owner makes user postgres the owner of dir when running as root, since PostgreSQL refuses to run as root.
func owner(dir string) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Setpgid: true} // this process handles Ctrl-C
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
