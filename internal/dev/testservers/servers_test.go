package testservers

import (
	"database/sql"
	"errors"
	"os"
	"testing"

	"go.temporal.io/sdk/client"
)

// durable returns a PostgreSQL server whose commits survive SIGKILL. Where none is installed, the test is skipped, or
// fails in CI.
func durable(t *testing.T, settings ...string) *Postgres {
	t.Helper()
	p, err := NewPostgres("", PostgresOptions{Durable: true, Settings: settings})
	if errors.Is(err, ErrNoPostgres) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Remove)
	return p
}

// What PostgreSQL has committed survives SIGKILL.
func TestPostgresKilled(t *testing.T) {
	t.Parallel()
	p := durable(t, "application_name=it's")
	address, err := p.Create("kept")
	if err != nil {
		t.Fatal(err)
	}
	run := func(statement string) {
		t.Helper()
		db, err := sql.Open("pgx", address)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	run("create table t (a int)")
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	run("insert into t values (1)")
}

func TestFreePort(t *testing.T) {
	t.Parallel()
	seen := map[int]bool{}
	for range 100 {
		port, err := FreePort()
		if err != nil || seen[port] {
			t.Fatalf("port %d, %v", port, err)
		}
		seen[port] = true
	}
}

// Temporal on PostgreSQL serves namespace default and its data again after SIGKILL.
func TestTemporalKilled(t *testing.T) {
	t.Parallel()
	if _, err := Find(TemporalBinary); err != nil {
		t.Skip(err) // it takes minutes to build: make bin/temporal-server
	}
	pg := durable(t)
	server, err := NewTemporal(t.Context(), t.TempDir(), pg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	c, err := client.Dial(client.Options{HostPort: server.Address, Logger: silent{}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "kept", TaskQueue: "nobody"}, "Any")
	if err != nil {
		t.Fatal(err)
	}
	server.Kill()
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DescribeWorkflow(t.Context(), "kept", run.GetRunID()); err != nil {
		t.Fatal(err)
	}
}
