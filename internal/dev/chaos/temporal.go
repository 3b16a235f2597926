package main

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tabi-journeys/tabi/internal/app/devmode"
	"github.com/tabi-journeys/tabi/internal/dev/testservers"
)

// devServer is Temporal's development server on a file, as `tabi dev` starts it.
type devServer struct {
	*devmode.DevServer
	options devmode.DevServerOptions
}

// newTemporal starts Temporal: the development server, or in the long form the production server on a PostgreSQL of
// its own.
func (g *cluster) newTemporal(ctx context.Context) (temporalServer, error) {
	if g.o.long {
		var err error
		if g.temporalDB, err = testservers.NewPostgres(g.o.dir, testservers.PostgresOptions{Durable: true}); err != nil {
			return nil, err
		}
		return testservers.NewTemporal(ctx, g.o.dir, g.temporalDB)
	}
	port, err := testservers.FreePort()
	if err != nil {
		return nil, err
	}
	d := &devServer{options: devmode.DevServerOptions{DataDir: g.o.dir, Port: port, Headless: true, KeepLog: true}}
	return d, d.Start(ctx)
}

// otherNamespace is a namespace of the same server that is not the store's.
const otherNamespace = "other"

// registerOther registers it.
func (g *cluster) registerOther(ctx context.Context) error {
	c, err := client.NewNamespaceClient(client.Options{HostPort: g.temporalAddress(), Logger: quiet{}})
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Register(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: otherNamespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
}

func (g *cluster) temporalAddress() string {
	switch t := g.temporal.(type) {
	case *devServer:
		return t.Address
	case *testservers.Temporal:
		return t.Address
	}
	return ""
}

// temporalAnswers reports whether Temporal can read its own data. The development server may stop working when it is
// starved of CPU: then each of its queries ends as "interrupted", until it is restarted.
func (g *cluster) temporalAnswers(ctx context.Context) bool {
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
	started, err := devmode.StartDevServer(d.options)
	if err != nil {
		return err
	}
	d.DevServer = started
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := d.Await(ctx, 100*time.Millisecond, d.serves); err != nil {
		return fmt.Errorf("cannot start Temporal: %w; its log is %s", err, d.LogFile)
	}
	return nil
}

func (d *devServer) serves(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	c, err := client.DialContext(ctx, client.Options{HostPort: d.Address, Logger: quiet{}})
	if err != nil {
		return err
	}
	defer c.Close()
	known, err := c.OperatorService().
		ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: client.DefaultNamespace})
	if err == nil && known.GetCustomAttributes()["JourneyRevision"] == 0 {
		err = fmt.Errorf("its search attributes do not exist yet")
	}
	return err
}

// quiet is a logger of the SDK that logs nothing.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
