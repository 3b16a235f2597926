package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/tabi-journeys/tabi/internal/app/devmode"
	"github.com/tabi-journeys/tabi/internal/childproc"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/dev/testservers"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/journeys"
)

const (
	serverKey  = "server-key-of-the-attacks"
	webKey     = "web-key-of-the-attacks"
	adminToken = "an-admin-token-of-the-attacks"
)

// target is a running installation.
type target struct {
	dir, url     string
	env          []string
	postgres     *testservers.Postgres
	dev          *devmode.DevServer
	temporal     client.Client
	databaseName string
	db           *sql.DB
	gateway      *childproc.Process
	worker       *childproc.Process
	http         *http.Client
	peer         string // the address from which calls with the web key come
}

// build starts everything, and publishes the shipped journeys with those of the attacks.
func build(ctx context.Context) (*target, error) {
	t := &target{http: &http.Client{Timeout: 30 * time.Second}}
	var err error
	if t.dir, err = os.MkdirTemp("", "tabi-attacks-"); err != nil {
		return nil, err
	}
	if err := t.start(ctx); err != nil {
		t.stop(true)
		return nil, fmt.Errorf("%w (logs: %s)", err, t.dir)
	}
	return t, nil
}

func (t *target) start(ctx context.Context) (err error) {
	url := filepath.Join(t.dir, "tabi.db")
	t.databaseName = "SQLite"
	switch t.postgres, err = testservers.NewPostgres("", testservers.PostgresOptions{}); {
	case errors.Is(err, testservers.ErrNoPostgres):
		t.db, err = sql.Open("sqlite", url)
	case err == nil:
		t.databaseName = "PostgreSQL"
		if url, err = t.postgres.Create("attacks"); err == nil {
			t.db, err = sql.Open("pgx", url)
		}
	}
	if err != nil {
		return err
	}
	port, err := testservers.FreePort()
	if err != nil {
		return err
	}
	options := devmode.DevServerOptions{DataDir: filepath.Join(t.dir, "temporal"), Headless: true, Port: port}
	if t.dev, err = devmode.StartDevServer(options); err != nil {
		return err
	}
	starting, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := until(starting, "the start of Temporal", func() (bool, error) {
		t.temporal, err = client.DialContext(starting, client.Options{HostPort: t.dev.Address, Logger: quiet{}})
		return err == nil, nil
	}); err != nil {
		return err
	}
	gatewayPort, err := testservers.FreePort()
	if err != nil {
		return err
	}
	metricsPort, err := testservers.FreePort()
	if err != nil {
		return err
	}
	t.url = "http://" + testservers.Local(gatewayPort)
	t.env = append(childproc.Environment(os.Environ()),
		"TABI_DATABASE="+url, "TABI_DATA_DIR="+t.dir, "TEMPORAL_ADDRESS="+t.dev.Address, "TABI_DRAIN=0s",
		"TABI_SECRET=a-secret-of-the-attacks-of-36-bytes", "TABI_LOG_FORMAT=json", "TABI_LOG_LEVEL=info",
		"TABI_LISTEN="+testservers.Local(gatewayPort), "TABI_PUBLIC_URL="+t.url,
		"TABI_METRICS_LISTEN="+testservers.Local(metricsPort),
		"TABI_WRITE_KEYS="+serverKey+"=server,"+webKey+"=web:Cart Updated|Checkout Started|Costly Event|trait.first_name|trait.prefs",
		"TABI_TOKENS=attacks:admin="+adminToken, "TABI_URL="+t.url, "TABI_TOKEN="+adminToken,
		"TABI_TRUSTED_PROXIES=127.0.0.1", // so that each attack comes from an address of its own
	)
	folder := filepath.Join(t.dir, "journeys")
	if err := write(folder); err != nil {
		return err
	}
	if out, err := t.command("tabi", "publish", folder).CombinedOutput(); err != nil {
		return fmt.Errorf("tabi publish: %w: %s", err, out)
	}
	if t.worker, err = t.launch("tabi-worker"); err != nil {
		return err
	}
	if t.gateway, err = t.launch("tabi", "serve"); err != nil {
		return err
	}
	ready := func(ctx context.Context) error {
		got, err := t.call(ctx, "GET", "/readyz", "", nil)
		if err == nil && got.status != http.StatusOK {
			err = errors.New(got.body)
		}
		return err
	}
	return t.gateway.Await(ctx, 50*time.Millisecond, ready)
}

// write writes the shipped journeys and those of the attacks to a folder.
func write(folder string) error {
	if err := fs.WalkDir(journeys.Files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".test.yaml") || !lint.IsSource(path) {
			return err
		}
		data, err := fs.ReadFile(journeys.Files, path)
		if err != nil {
			return err
		}
		return put(filepath.Join(folder, path), data)
	}); err != nil {
		return err
	}
	for path, text := range content {
		if err := put(filepath.Join(folder, path), []byte(strings.TrimPrefix(text, "\n"))); err != nil {
			return err
		}
	}
	return nil
}

func put(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

func (t *target) command(name string, args ...string) *exec.Cmd {
	path, err := filepath.Abs(filepath.Join("bin", name))
	if err != nil {
		path = name
	}
	c := exec.Command(path, args...)
	c.Env, c.Dir = t.env, t.dir
	return c
}

func (t *target) launch(name string, args ...string) (*childproc.Process, error) {
	log, err := os.Create(filepath.Join(t.dir, name+".log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	c := t.command(name, args...)
	c.Stdout, c.Stderr = log, log
	return childproc.Start(c)
}

// stop ends everything, and removes the folder unless keep.
func (t *target) stop(keep bool) {
	for _, p := range []*childproc.Process{t.gateway, t.worker} {
		if p != nil && p.Running() {
			p.Stop(10 * time.Second)
		}
	}
	if t.temporal != nil {
		t.temporal.Close()
	}
	if t.dev != nil {
		t.dev.Stop()
	}
	if t.db != nil {
		_ = t.db.Close()
	}
	if t.postgres != nil {
		t.postgres.Remove()
	}
	if !keep {
		_ = os.RemoveAll(t.dir)
	}
}

// alive returns an error if a process has ended, or has written of a panic.
func (t *target) alive() error {
	for name, p := range map[string]*childproc.Process{"tabi": t.gateway, "tabi-worker": t.worker} {
		if !p.Running() {
			return fmt.Errorf("%s has ended", name)
		}
		log, err := os.ReadFile(filepath.Join(t.dir, name+".log"))
		if err != nil {
			return err
		}
		if i := bytes.Index(log, []byte("panic")); i >= 0 {
			return fmt.Errorf("%s panicked: %.300s", name, log[i:])
		}
	}
	return nil
}

// memory returns the largest memory that the gateway has had, in MiB; 0 where the system does not tell.
func (t *target) memory() int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", t.gateway.PID()))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kilobytes, _ := strconv.Atoi(strings.Fields(rest + " 0")[0])
	return kilobytes >> 10
}

// from returns the target for one who calls from an address.
func (t *target) from(peer string) *target {
	own := *t
	own.peer = peer
	return &own
}

// answer is an HTTP answer.
type answer struct {
	status int
	body   string
	took   time.Duration
}

func (a answer) String() string { return fmt.Sprintf("%d %.200s", a.status, strings.TrimSpace(a.body)) }

// is reports whether the answer has one of the statuses.
func (a answer) is(statuses ...int) bool {
	for _, s := range statuses {
		if a.status == s {
			return true
		}
	}
	return false
}

// call sends a request with a key or token. body is JSON text, or a value.
func (t *target) call(ctx context.Context, method, path, key string, body any) (answer, error) {
	text, ok := body.(string)
	if !ok && body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return answer{}, err
		}
		text = string(raw)
	}
	r, err := http.NewRequestWithContext(ctx, method, t.url+path, strings.NewReader(text))
	if err != nil {
		return answer{}, err
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	r.Header.Set("X-Forwarded-For", t.peer)
	began := clock.Wall()
	got, err := t.http.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = got.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(got.Body, 4<<20))
	if got.StatusCode >= http.StatusInternalServerError && path != "/readyz" {
		err = errors.Join(err, fmt.Errorf("%s %s: %d %s", method, path, got.StatusCode, raw))
	}
	return answer{got.StatusCode, string(raw), clock.Wall().Sub(began)}, err
}

// server and web send a call of the tracking API.
func (t *target) server(ctx context.Context, path string, body any) (answer, error) {
	return t.call(ctx, "POST", "/v1/"+path, serverKey, body)
}

func (t *target) web(ctx context.Context, path string, body any) (answer, error) {
	return t.call(ctx, "POST", "/v1/"+path, webKey, body)
}

// all sends calls with the server key and fails unless each is answered 200.
func (t *target) all(ctx context.Context, calls ...[2]any) error {
	for _, c := range calls {
		got, err := t.server(ctx, c[0].(string), c[1])
		if err != nil {
			return err
		}
		if got.status != http.StatusOK {
			return fmt.Errorf("%v: %v", c[1], got)
		}
	}
	return nil
}

// count returns the result of a query for one number.
func (t *target) count(ctx context.Context, query string, args ...any) (int, error) {
	var n int
	err := t.db.QueryRowContext(ctx, query, args...).Scan(&n)
	return n, err
}

// traits returns the traits of a customer; none if there is no such customer.
func (t *target) traits(ctx context.Context, id string) (map[string]any, error) {
	var raw string
	err := t.db.QueryRowContext(ctx, `select traits from customers where id = $1`, id).Scan(&raw)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	out := map[string]any{}
	if err == nil {
		err = json.Unmarshal([]byte(raw), &out)
	}
	return out, err
}

// until repeats ask until it is satisfied or ctx ends.
func until(ctx context.Context, what string, ask func() (bool, error)) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		done, err := ask()
		if err != nil || done {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not within the time", what)
		case <-tick.C:
		}
	}
}

type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
