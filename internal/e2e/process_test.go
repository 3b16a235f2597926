package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"
)

// patience is how long a condition may take to come true.
const patience = 90 * time.Second

// await polls until ok gives nil, and fails with its last error.
func await(t testing.TB, what string, ok func() error) {
	t.Helper()
	if err := poll(patience, ok); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func poll(limit time.Duration, ok func() error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.After(limit)
	for {
		err := ok()
		if err == nil {
			return nil
		}
		select {
		case <-end:
			return fmt.Errorf("not within %s: %w", limit, err)
		case <-tick.C:
		}
	}
}

// output is what a process has said; safe for concurrent use.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// process is a child in a process group of its own.
type process struct {
	cmd     *exec.Cmd
	out     output
	ended   chan struct{}
	code    int
	address string // of a server
}

// launch starts a process; env is added to what a shell has, without any setting of tabi or Temporal.
func launch(dir string, env []string, name string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(name, args...), ended: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "TABI_") && !strings.HasPrefix(v, "TEMPORAL_") {
			p.cmd.Env = append(p.cmd.Env, v)
		}
	}
	p.cmd.Env = append(p.cmd.Env, env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	p.cmd.WaitDelay = time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait()
		p.code = p.cmd.ProcessState.ExitCode()
	}()
	return p, nil
}

// run runs a process to its end and gives its exit status and output.
func runProcess(t testing.TB, limit time.Duration, env []string, name string, args ...string) (int, string) {
	t.Helper()
	p, err := launch(t.TempDir(), env, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(limit):
		p.kill()
		t.Fatalf("%s %v does not end within %s; it said:\n%s", name, args, limit, &p.out)
	}
	return p.code, p.out.String()
}

// kill ends the whole group at once, as kill -9 does.
func (p *process) kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.ended
}

// stop asks the process to end, and ends its group where it does not.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(15 * time.Second):
	}
	p.kill()
}

func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// dynamic is the configuration of the development servers; docs/architecture.md says why.
var dynamic = []string{
	"history.transferProcessorMaxPollRPS=200",
	"history.timerProcessorMaxPollRPS=200",
	"history.workflowIdReuseMinimalInterval=0",
}

// startTemporal starts a development server; file empty keeps it in memory.
func startTemporal(dir string, port int, file string, namespaces []string) (*process, error) {
	binary, err := temporalBinary()
	if err != nil {
		return nil, err
	}
	args := []string{"server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", fmt.Sprint(port), "--log-level", "error"}
	for _, d := range dynamic {
		args = append(args, "--dynamic-config-value", d)
	}
	for _, name := range []string{"Journey", "CustomerId", "JourneyRevision"} {
		args = append(args, "--search-attribute", name+"=Keyword")
	}
	for _, n := range namespaces {
		args = append(args, "--namespace", n)
	}
	if file != "" {
		args = append(args, "--db-filename", file, "--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=1")
	}
	p, err := launch(dir, nil, binary, args...)
	if err != nil {
		return nil, err
	}
	p.address = local(port)
	last := "default"
	if len(namespaces) > 0 {
		last = namespaces[len(namespaces)-1]
	}
	err = poll(patience, func() error {
		if !p.running() {
			return errors.New("it has ended")
		}
		return knowsAttributes(p.address, last)
	})
	if err != nil {
		p.kill()
		return nil, fmt.Errorf("%w; it said:\n%s", err, &p.out)
	}
	return p, nil
}

// knowsAttributes reports whether the server is up and knows tabi's search attributes.
func knowsAttributes(address, namespace string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, err := client.DialContext(ctx, client.Options{HostPort: address, Namespace: namespace, Logger: quiet{}})
	if err != nil {
		return err
	}
	defer c.Close()
	known, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return err
	}
	if _, ok := known.GetCustomAttributes()["JourneyRevision"]; !ok {
		return errors.New("the search attributes are not there yet")
	}
	return nil
}

// quiet is a logger of the SDK that says nothing.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
