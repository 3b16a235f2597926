package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/process"
	"github.com/tabi-journeys/tabi/internal/servers"
)

// devServer is Temporal's development server on a file.
type devServer struct {
	address string
	cmd     func() *exec.Cmd
	log     string
	process *process.Process
}

// newTemporal starts Temporal: the development server, or in the long form the production server on a PostgreSQL of its own.
func (g *ground) newTemporal(ctx context.Context) (temporalServer, error) {
	if g.o.long {
		var err error
		if g.behind, err = servers.NewPostgres(g.o.dir, servers.PostgresOptions{Durable: true}); err != nil {
			return nil, err
		}
		return servers.NewTemporal(ctx, g.o.dir, g.behind)
	}
	binary, err := app.FindTemporal()
	if err != nil {
		return nil, err
	}
	port, err := servers.FreePort()
	if err != nil {
		return nil, err
	}
	args := []string{"server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", strconv.Itoa(port), "--log-level", "warn",
		"--db-filename", filepath.Join(g.o.dir, "temporal.db"), "--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=1"}
	for _, value := range []string{"history.transferProcessorMaxPollRPS=200", "history.timerProcessorMaxPollRPS=200", `history.workflowIdReuseMinimalInterval="0s"`} {
		args = append(args, "--dynamic-config-value", value)
	}
	for _, name := range []string{"Journey", "CustomerId", "JourneyRevision"} {
		args = append(args, "--search-attribute", name+"=Keyword")
	}
	d := &devServer{address: servers.Local(port), log: filepath.Join(g.o.dir, "temporal.log"), cmd: func() *exec.Cmd {
		c := exec.Command(binary, args...)
		c.Env = process.Environment(os.Environ())
		return c
	}}
	return d, d.Start(ctx)
}

func (g *ground) temporalAddress() string {
	switch t := g.temporal.(type) {
	case *devServer:
		return t.address
	case *servers.Temporal:
		return t.Address
	}
	return ""
}

// hears reports whether Temporal can read what it has stored. The development server may come to stand still by itself when it is starved: then each of
// its queries ends as "interrupted", for good.
func (g *ground) hears(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	c, err := client.DialContext(ctx, client.Options{HostPort: g.temporalAddress(), Logger: quiet{}})
	if err != nil {
		return false
	}
	defer c.Close()
	_, err = c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: client.DefaultNamespace})
	return err == nil
}

// Start starts it and waits until it serves tabi's search attributes.
func (d *devServer) Start(ctx context.Context) error {
	log, err := os.OpenFile(d.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := d.cmd()
	cmd.Stdout, cmd.Stderr = log, log
	if d.process, err = process.Start(cmd); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := d.serves(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server of Temporal does not start: %w; its log is %s", err, d.log)
		case <-d.process.Done:
			return fmt.Errorf("the server of Temporal has ended: %w; its log is %s", err, d.log)
		case <-tick.C:
		}
	}
}

func (d *devServer) serves(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	c, err := client.DialContext(ctx, client.Options{HostPort: d.address, Logger: quiet{}})
	if err != nil {
		return err
	}
	defer c.Close()
	known, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: client.DefaultNamespace})
	if err == nil && known.GetCustomAttributes()["JourneyRevision"] == 0 {
		err = fmt.Errorf("its search attributes are not there yet")
	}
	return err
}

// Kill is kill -9.
func (d *devServer) Kill() { d.process.Kill() }

// Stop ends it in good order.
func (d *devServer) Stop() { d.process.Stop(8 * time.Second) }

// quiet is a logger of the SDK that says nothing.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
