package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/tabi-journeys/tabi/internal/childproc"
)

// patience is how long a condition may take to become true.
const patience = 90 * time.Second

// await polls until ok returns nil, and fails with its last error.
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

// child is a process of a test, with its output.
type child struct {
	*childproc.Process
	out     childproc.Output
	address string // of a server
}

// launch starts a process with env and the variables of a shell, without any setting of tabi or Temporal.
func launch(dir string, env []string, name string, args ...string) (*child, error) {
	c := &child{}
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(childproc.Environment(os.Environ()), env...)
	cmd.Stdout, cmd.Stderr = &c.out, &c.out
	cmd.WaitDelay = time.Second
	var err error
	c.Process, err = childproc.Start(cmd)
	return c, err
}

// code returns the exit status, once the process has ended.
func (c *child) code() int {
	var exit *exec.ExitError
	switch err := c.Err(); {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return -1
}

// run runs a process to its end and returns its exit status and output.
func runProcess(t testing.TB, limit time.Duration, env []string, name string, args ...string) (int, string) {
	t.Helper()
	p, err := launch(t.TempDir(), env, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Done:
	case <-time.After(limit):
		p.Kill()
		t.Fatalf("%s %v does not end within %s; it said:\n%s", name, args, limit, &p.out)
	}
	return p.code(), p.out.String()
}

// stopPatience is how long a process may take to stop.
const stopPatience = 15 * time.Second

// dynamic is the configuration of the development servers; docs/architecture.md has the reasons.
var dynamic = []string{
	"history.transferProcessorMaxPollRPS=200",
	"history.timerProcessorMaxPollRPS=200",
	`history.transferProcessorUpdateAckInterval="5s"`,
	`history.visibilityProcessorUpdateAckInterval="5s"`,
	"history.workflowIdReuseMinimalInterval=0",
}

// startTemporal starts a development server; an empty file keeps its data in memory.
func startTemporal(dir string, port int, file string, namespaces []string, ui ...string) (*child, error) {
	binary, err := temporalBinary()
	if err != nil {
		return nil, err
	}
	if len(ui) == 0 {
		ui = []string{"--headless"}
	}
	args := append([]string{"server", "start-dev", "--ip", "127.0.0.1", "--port", fmt.Sprint(port), "--log-level", "error"}, ui...)
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
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err = p.Await(ctx, 20*time.Millisecond, func(context.Context) error { return knowsAttributes(p.address, last) })
	if err != nil {
		p.Kill()
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
