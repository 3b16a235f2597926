package testservers

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tabi-journeys/tabi/deploy"
	"github.com/tabi-journeys/tabi/internal/childproc"
)

// Temporal is a Temporal server on PostgreSQL, set up as deploy/temporal does for production: four services in one
// process, four shards.
type Temporal struct {
	Address string // host:port of the frontend
	LogFile string
	dir     string
	binary  string
	env     []string
	process *childproc.Process
	tls     *tls.Config // of the operator; nil: no TLS
	token   string      // of the operator, with an authorizer; empty: there is none
}

// Authorize makes the server's next Start use the default authorizer, with the keys at a URL. token is an operator's.
func (t *Temporal) Authorize(jwks, token string) {
	t.token = token
	t.env = append(t.env, "TEMPORAL_JWKS_URL="+jwks)
}

// clientTLS returns the TLS configuration of a client of certs.sh.
func clientTLS(folder, name string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(folder, name+".pem"), filepath.Join(folder, name+".key"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(filepath.Join(folder, "ca.pem"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots, ServerName: "temporal", MinVersion: tls.VersionTLS12}, nil
}

// TemporalBinary is the server that `make bin/temporal-server` builds; TemporalSQLTool is the tool for its schema.
const (
	TemporalBinary  = "temporal-server"
	TemporalSQLTool = "temporal-sql-tool"
)

// retention is the retention of closed runs in namespace default.
const retention = 30 * 24 * time.Hour

// NewTemporal creates Temporal's two databases on pg and starts a server on them, with namespace default. Its files
// are in dir.
func NewTemporal(ctx context.Context, dir string, pg *Postgres) (*Temporal, error) {
	return newTemporal(ctx, dir, pg, "")
}

// NewTemporalWithTLS is NewTemporal with mTLS, by the certificates that deploy/temporal/certs.sh makes in a folder.
func NewTemporalWithTLS(ctx context.Context, dir string, pg *Postgres, certificates string) (*Temporal, error) {
	script, err := fs.ReadFile(deploy.Temporal(), "certs.sh")
	if err != nil {
		return nil, err
	}
	make := exec.CommandContext(ctx, "sh", "-s", certificates)
	make.Stdin = bytes.NewReader(script)
	if out, err := make.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("certs.sh: %w\n%s", err, out)
	}
	return newTemporal(ctx, dir, pg, certificates)
}

func newTemporal(ctx context.Context, dir string, pg *Postgres, certificates string) (*Temporal, error) {
	server, err := Find(TemporalBinary)
	if err != nil {
		return nil, err
	}
	tool, err := Find(TemporalSQLTool)
	if err != nil {
		return nil, err
	}
	t := &Temporal{dir: filepath.Join(dir, "temporal"), LogFile: filepath.Join(dir, "temporal.log"), binary: server}
	if err := os.CopyFS(t.dir, deploy.Temporal()); err != nil {
		return nil, err
	}
	if certificates != "" {
		if t.tls, err = clientTLS(certificates, "operator"); err != nil {
			return nil, err
		}
	}
	t.env = append(childproc.Environment(os.Environ()), "POSTGRES_ADDR="+Local(pg.Port), "POSTGRES_USER=postgres", "POSTGRES_PASSWORD=any",
		"TEMPORAL_TLS_DIR="+certificates)
	for _, name := range []string{"FRONTEND_PORT", "FRONTEND_MEMBERSHIP_PORT", "FRONTEND_HTTP_PORT", "MATCHING_PORT",
		"MATCHING_MEMBERSHIP_PORT",
		"HISTORY_PORT", "HISTORY_MEMBERSHIP_PORT",
		"INTERNAL_FRONTEND_PORT", "INTERNAL_FRONTEND_MEMBERSHIP_PORT", "WORKER_PORT", "WORKER_MEMBERSHIP_PORT", "METRICS_PORT"} {
		port, err := FreePort()
		if err != nil {
			return nil, err
		}
		if name == "FRONTEND_PORT" {
			t.Address = Local(port)
		}
		t.env = append(t.env, name+"="+strconv.Itoa(port))
	}
	schema := exec.CommandContext(ctx, "sh", "schema.sh")
	schema.Dir = t.dir
	schema.Env = append(
		t.env,
		"SQL_TOOL="+tool,
		"SQL_HOST=127.0.0.1",
		"SQL_PORT="+strconv.Itoa(pg.Port),
		"SQL_USER=postgres",
		"SQL_PASSWORD=any",
	)
	if out, err := schema.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("the schema of Temporal: %w\n%s", err, out)
	}
	return t, t.Start(ctx)
}

// Start starts the server, also after Kill or Stop, and waits until namespace default answers.
func (t *Temporal) Start(ctx context.Context) error {
	log, err := os.OpenFile(t.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	args := []string{"--root", ".", "--config", ".", "--env", "production", "start"}
	if t.token != "" { // as deploy/README.md says
		for _, service := range []string{"frontend", "internal-frontend", "history", "matching", "worker"} {
			args = append(args, "--service", service)
		}
	}
	cmd := exec.Command(t.binary, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = t.dir, t.env, log, log
	if t.process, err = childproc.Start(cmd); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := t.process.Await(ctx, 100*time.Millisecond, t.namespace); err != nil {
		t.Kill()
		return fmt.Errorf("Temporal does not start: %w; its log is %s", err, t.LogFile)
	}
	return nil
}

// options are those of the operator's client.
func (t *Temporal) options() client.Options {
	o := client.Options{HostPort: t.Address, Logger: silent{}, ConnectionOptions: client.ConnectionOptions{TLS: t.tls}}
	if t.token != "" {
		o.Credentials = client.NewAPIKeyStaticCredentials(t.token)
	}
	return o
}

// namespace registers namespace default and checks that it is served.
func (t *Temporal) namespace(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	c, err := client.NewNamespaceClient(t.options())
	if err != nil {
		return err
	}
	defer c.Close()
	err = c.Register(
		ctx,
		&workflowservice.RegisterNamespaceRequest{
			Namespace:                        client.DefaultNamespace,
			WorkflowExecutionRetentionPeriod: durationpb.New(retention),
		},
	)
	var exists *serviceerror.NamespaceAlreadyExists
	if err != nil && !errors.As(err, &exists) {
		return err
	}
	// The frontend caches namespaces: until it has read this one, it refuses every call for it.
	served, err := client.DialContext(ctx, t.options())
	if err != nil {
		return err
	}
	defer served.Close()
	_, err = served.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: client.DefaultNamespace})
	return err
}

// stopGrace is how long the server may take to end after SIGTERM.
const stopGrace = 10 * time.Second

// Stop ends the server with SIGTERM.
func (t *Temporal) Stop() { t.process.Stop(stopGrace) }

// Kill kills the server with SIGKILL. What it had written to PostgreSQL is there after the next Start.
func (t *Temporal) Kill() { t.process.Kill() }

// PID returns the server's process id.
func (t *Temporal) PID() int { return t.process.PID() }

// Find returns the path of a program that make puts into bin of the working folder or of one above it, otherwise the
// one in PATH.
func Find(name string) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if built := filepath.Join(dir, "bin", name); executable(built) {
			return built, nil
		}
		above := filepath.Dir(dir)
		if above == dir {
			break
		}
		dir = above
	}
	found, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("there is no %s in bin or PATH: run make bin/%s", name, TemporalBinary)
	}
	return found, nil
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// silent is a logger of the SDK that logs nothing.
type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}
